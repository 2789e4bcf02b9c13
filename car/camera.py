"""What the real cameras share: their error, how long the loop may wait for them, and what they say of themselves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errors import UserError

FIRST_FRAME_S = 5.0  # to the first frame: sensors and USB cameras start slowly
STALL_S = 1.0  # to any other; long before, the guardian has heard nothing and has stopped the car


class CameraError(UserError):
    """A camera is missing, or stopped giving frames. The message is one line: the cause and the remedy."""


@dataclass(frozen=True)
class Granted:
    """What a camera gives, which need not be what it was asked for."""

    camera: str  # the sensor's or device's name
    width: int  # pixels, as they leave the camera
    height: int
    rate_hz: float
    mode: str = ""  # the sensor's mode and the part of it that is seen
    differs: tuple[str, ...] = ()  # what is not as it was asked for, a sentence each

    def words(self) -> str:
        """One line for a person."""
        return f"{self.camera}, {self.width} x {self.height} at {self.rate_hz:.0f} Hz" + (
            f", {self.mode}" if self.mode else ""
        )


class RealPlace:
    """For the display: a real camera on no known track."""

    def __init__(self, granted: Granted) -> None:
        self._words = granted.words()

    def words(self) -> str:
        """What the camera gives: nobody knows how far the car has driven."""
        return self._words

    def second_picture(self, _size: int) -> NDArray[np.uint8] | None:
        """Nobody sees the car from above."""
        return None

    def moment(self) -> None:
        """Nor can that be drawn later."""

    def figures(self) -> dict[str, object]:
        """What the drive was seen with."""
        return {"camera": self._words}
