"""Recordings as a replay memory, however many there are: those that do not fit take turns in it."""

import sys
import threading
from collections.abc import Iterator
from queue import Empty, Queue

import numpy as np
from rich.progress import track

from errors import UserError
from models.contract import Contract
from models.experience import check_fits
from storage.simcache import Transitions
from storage.simcache_library import Library
from trainer.replay import Batch, Replay

FEWEST = 100  # transitions that anything can be learnt from
USES = 8  # how often a transition is drawn, on average, before another takes its place
AHEAD = 4  # files that wait in memory for their turn


class Recordings:
    """The files of a library, in an order drawn anew each time all have had their turn. Sampled like a Replay.

    Where all fit into `capacity` pictures they are read once, and nothing changes afterwards.
    """

    def __init__(self, library: Library, contract: Contract, capacity: int, seed: int) -> None:
        """Fills the memory. Raises UserError where a file is broken or of another contract, or where there is too
        little to learn from."""
        self._library, self._contract = library, contract
        self._rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
        self._memory = Replay(capacity, 1, contract.observation.shape, seed)
        self._ahead: Queue[Transitions | UserError] = Queue(AHEAD)
        self._drawn, self._due = 0, 0
        self.transitions = 0  # in the memory at first
        self.all_fit = True
        pictures, names = 0, [entry.name for entry in library.entries]
        first = [names[index] for index in self._rng.permutation(len(names))]
        for number, name in enumerate(
            track(first, "reading recordings ...", transient=True, disable=not sys.stdout.isatty())
        ):
            transitions = self._load(name)
            pictures += len(transitions.views)
            if pictures > capacity:
                self.all_fit = False
                threading.Thread(target=self._read_on, args=(first[number:],), daemon=True).start()
                break
            self._memory.extend(transitions)
            self.transitions += len(transitions)
        if self.transitions < FEWEST:
            raise UserError(
                f"{library.where}: {self.transitions} transitions are too few to learn from; record {FEWEST} at least, "
                "and better 20,000"
            )

    def sample(self, batch: int, n_step: int, gamma: float) -> Batch:
        """As Replay.sample. Raises UserError where a file whose turn it is cannot be used."""
        self._drawn += batch
        if not self.all_fit and self._drawn >= self._due:
            try:
                transitions = self._ahead.get_nowait()
            except Empty:  # the disk or the link is slower than the learner: it goes on with what there is
                pass
            else:
                if isinstance(transitions, UserError):
                    raise transitions
                self._memory.extend(transitions)
                self._due = self._drawn + USES * len(transitions)
        return self._memory.sample(batch, n_step, gamma)

    def frames_for_calibration(self, count: int) -> np.ndarray:
        """As Replay.frames_for_calibration."""
        return self._memory.frames_for_calibration(count)

    def _load(self, name: str) -> Transitions:
        transitions = self._library.load(name)
        check_fits(transitions, self._contract, f"{self._library.where}/{name}")
        return transitions

    def _read_on(self, first: list[str]) -> None:
        """The thread: until the program ends."""
        for name in self._turns(first):
            try:
                self._ahead.put(self._load(name))
            except UserError as error:
                self._ahead.put(error)
                return

    def _turns(self, first: list[str]) -> Iterator[str]:
        yield from first
        names = [entry.name for entry in self._library.entries]
        while True:
            yield from (names[index] for index in self._rng.permutation(len(names)))
