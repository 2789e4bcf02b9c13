"""`bench loop`'s camera: the same for both contestants. A thread has a new frame ready at a steady rate, as Picamera2's
thread has; from then on the clock runs."""

import itertools
import threading
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from car.simulated import SimulatedCar
from models.contract import ObservationSpec
from models.footage import fit
from storage.tub import Tub

WARM_UP = 10  # rounds at the start that are not counted
KEPT = 100  # frames that are shown again and again


def load_frames(spec: ObservationSpec, tub: str | None, *, luma: bool) -> list[NDArray[np.uint8]]:
    """Frames of a recording, or of the simulated car: RGB uint8 (h, w, 3), or (h, w). Raises TubError."""
    if tub is not None:
        frames = [fit(frame, spec) for _, frame in itertools.islice(Tub(Path(tub)).images(), KEPT)]
    else:
        car = SimulatedCar(spec, seed=1)
        frames = [car.advance() for _ in range(KEPT)]
    if luma:
        frames = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    return [np.asarray(frame, np.uint8) for frame in frames]


class BenchCamera:
    """Its own thread makes the frames, whoever looks."""

    clock_ns = staticmethod(time.monotonic_ns)

    def __init__(self, frames: list[NDArray[np.uint8]], rate_hz: float) -> None:
        self._frames, self._period_ns = frames, round(1e9 / rate_hz)
        self._news = threading.Condition()
        self._newest: tuple[NDArray[np.uint8], int, int] = (frames[0].copy(), time.monotonic_ns(), -1)
        self._given = -1
        self._running = True
        self.overruns = 0  # frames that our loop was too late for, since it was warm
        self._rounds = 0

    def start(self) -> None:
        """For a loop that does not start threads."""
        threading.Thread(target=self.update, daemon=True).start()

    def update(self) -> None:
        """The thread, by donkeycar's name for it."""
        due_ns = time.monotonic_ns()
        for sequence in itertools.count():
            due_ns += self._period_ns
            time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
            if not self._running:
                return
            frame = self._frames[sequence % len(self._frames)].copy()
            with self._news:
                self._newest = (frame, time.monotonic_ns(), sequence)
                self._news.notify()

    def run(self) -> tuple[NDArray[np.uint8], int, int]:
        """Ours: waits for the next frame. Frame, when it was ready in ns, sequence number."""
        with self._news:
            self._news.wait_for(lambda: self._newest[2] > self._given)
            self._rounds += 1
            if self._rounds > WARM_UP:
                self.overruns += self._newest[2] - self._given - 1
            self._given = self._newest[2]
            return self._newest

    def run_threaded(self) -> tuple[NDArray[np.uint8], int]:
        """donkeycar's: the newest there is. Frame, when it was ready."""
        frame, ready_ns, _ = self._newest
        return frame, ready_ns

    def shutdown(self) -> None:
        self._running = False
