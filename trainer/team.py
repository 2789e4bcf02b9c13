"""Learning on several cores: a process for each, with its own cars and memory, and its own copy of the networks.

In each update every member learns from its share of the batch, and all apply the mean of their gradients, so the copies
stay equal: synchronous data-parallel descent, as in P. Goyal et al., Accurate, Large Minibatch SGD (2017). Within one
update a network this small gains next to nothing from a second core; so it gains nearly all of it (`bench learner`).
Imports no TensorFlow.
"""

import ctypes
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.sharedctypes import RawArray
from threading import BrokenBarrierError
from typing import Any, NamedTuple

import numpy as np

from errors import UserError

SIZES = (4, 2, 1)  # of teams; shares of a batch smaller than a quarter would cost more than they gain


class Order(NamedTuple):
    """What all members do next: a round of driving, then of learning. learning_rate 0: nothing is learnt yet."""

    going: bool
    epsilon: float = 0.0
    learning_rate: float = 0.0


class Member:
    """One process of a team, number `rank` of `size`; number 0 leads."""

    def __init__(self, rank: int = 0, size: int = 1, shared: tuple[Any, Any, Any] | None = None) -> None:
        self.rank, self.size = rank, size
        if shared is not None:
            gradients, orders, self._barrier = shared
            # Two of each, used in turn: nobody overwrites what another one has still to read.
            self._gradients = np.frombuffer(gradients, np.float32).reshape(2, size, -1)
            self._orders = np.frombuffer(orders, np.float64).reshape(2, -1)
        self._means = self._rounds = 0

    def mean(self, part: np.ndarray) -> np.ndarray:
        """The mean over all members, float32 (n,), of what each of them gives. Waits for them.

        Raises UserError where one of them has died.
        """
        if self.size == 1:
            return part
        parts = self._gradients[self._means % 2]
        self._means += 1
        parts[self.rank] = part
        self._meet()
        return parts.mean(axis=0)

    def order(self, order: Order) -> None:
        """Of the leader: let all do that. Waits until they have done what they were told before; raises as `mean`."""
        if self.size > 1:
            self._orders[self._rounds % 2] = order
            self.hear()

    def hear(self) -> Order:
        """Of the others: what to do next; waits for the leader."""
        self._meet()
        going, epsilon, learning_rate = self._orders[self._rounds % 2].tolist()
        self._rounds += 1
        return Order(bool(going), epsilon, learning_rate)

    def _meet(self) -> None:
        try:
            self._barrier.wait()
        except BrokenBarrierError:
            raise UserError(
                "a process that learns along has died, maybe for want of memory; close other programs"
            ) from None


class Team:
    """A context: the other members' processes, which end with it. `leader` is this process."""

    def __init__(self, size: int, parameters: int, work: Callable[..., None], *arguments: Any) -> None:
        """Each of the others runs work(member, *arguments), arguments that can be pickled, until it hears an order that
        is not `going`. parameters: of the network."""
        shared = RawArray(ctypes.c_float, 2 * size * parameters), RawArray(ctypes.c_double, 2 * len(Order._fields))
        context = multiprocessing.get_context("spawn")
        shared = (*shared, context.Barrier(size))
        self.leader, self._barrier, self._ended = Member(0, size, shared), shared[-1], False
        self._processes = [
            context.Process(target=_run, args=(rank, size, shared, work, arguments), daemon=True)
            for rank in range(1, size)
        ]

    def __enter__(self) -> Member:
        for process in self._processes:
            process.start()
        if self._processes:
            threading.Thread(target=self._watch, daemon=True).start()
        return self.leader

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self._ended = True
        if failed is None:
            self.leader.order(Order(going=False))
            for process in self._processes:
                process.join(10)
        for process in self._processes:
            process.kill()

    def _watch(self) -> None:
        wait([process.sentinel for process in self._processes])
        if not self._ended:
            self._barrier.abort()  # nobody waits for the dead


def team_size(*shared: int) -> int:
    """How many processes learn together on this machine's cores; each of these counts can be shared among them."""
    return next(size for size in SIZES if size <= cores() and all(count % size == 0 for count in shared))


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def live_with_parent() -> None:
    """For a process that another one has begun: Ctrl-C is not for it, and it never outlives the one that has."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        multiprocessing.parent_process().join()  # type: ignore[union-attr]
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _run(rank: int, size: int, shared: tuple[Any, Any, Any], work: Callable[..., None], arguments: tuple) -> None:
    live_with_parent()
    work(Member(rank, size, shared), *arguments)
