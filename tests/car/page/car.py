"""A car's loop around the page, in a thread: 50 rounds a second, with the memory a table would give it, and the
instruments' word that a round is over."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from car.page.part import Page
from car.page.recordings import Recordings
from car.page.status import About

FRAME = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)  # noise: a large JPEG


class Clock:
    """Stands until the test moves it."""

    now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns


class Car:
    """`memory` is what the page's row reads and writes; `pad` stands for a pad's steering and throttle."""

    def __init__(self, recordings: Recordings = Recordings(Path("/nowhere"))) -> None:  # noqa: B008 - frozen
        self.page = Page(0, About("A TEST", 0.2), recordings, everyone=False)
        self.rounds = 0
        self.steering = self.throttle = 0.0
        self.mode, self.recording, self.armed, self.stop = "user", False, False, False
        self.pad: tuple[float, float] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._drive)
        self._thread.start()

    def row(self) -> tuple[Any, ...]:
        """What the page reads."""
        return (FRAME, 7, self.mode, self.recording, self.armed, self.stop, *(self.pad or (0, 0)), self.pad)

    def round(self) -> None:
        self.rounds += 1
        row = self.page.run(*self.row())
        self.steering, self.throttle, self.mode, self.recording, self.armed, self.stop = row
        self.page.server.round_over()

    def _drive(self) -> None:
        while not self._ending.wait(0.02):
            self.round()

    def park(self) -> None:
        """No more rounds by itself."""
        self._ending.set()
        self._thread.join()

    def close(self) -> None:
        self.park()
        self.page.shutdown()
        self.page.server.thread.join(10)
        assert not self.page.server.thread.is_alive()


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait until it holds; fail where it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
