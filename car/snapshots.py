"""A picture of a drive: what the camera saw now and then, the steering drawn in, and the track from above."""

from pathlib import Path

import cv2
import numpy as np

from car.display import draw_steering, track_from_above
from car.simulated import SimulatedCar
from storage.files import write_file

EVERY_S = 1.5  # of simulated time
ROWS, COLUMNS = 2, 4
SCALE = 2


class Snapshots:
    """The last part of a loop that was asked for a picture: of its first seconds, saved when it has ended."""

    def __init__(self, car: SimulatedCar, path: Path) -> None:
        self._car, self._path = car, path
        self._taken: list[np.ndarray] = []

    def run(self, frame: np.ndarray, steering: float) -> None:
        """frame: RGB uint8 (120, 160, 3)."""
        if len(self._taken) < ROWS * COLUMNS and self._car.driven_s >= EVERY_S * (len(self._taken) + 1):
            height, width = frame.shape[:2]
            large = cv2.resize(frame, (SCALE * width, SCALE * height), interpolation=cv2.INTER_LINEAR)
            self._taken.append(draw_steering(large, steering))

    def save(self) -> None:
        """Write the PNG. Raises StorageError. Not in `shutdown`, whose exceptions donkeycar swallows."""
        if not self._taken:
            return
        height = len(self._taken[0])
        taken = self._taken + [np.zeros_like(self._taken[0])] * (ROWS * COLUMNS - len(self._taken))
        sheet = np.vstack([np.hstack(taken[row * COLUMNS : (row + 1) * COLUMNS]) for row in range(ROWS)])
        above = track_from_above(self._car, ROWS * height)
        _, png = cv2.imencode(".png", cv2.cvtColor(np.hstack([sheet, above]), cv2.COLOR_RGB2BGR))
        write_file(self._path, png.tobytes())
