"""Which mode a Pi camera's sensor is pinned to. Left alone, libcamera takes for a small picture a mode that shows only
the middle of the sensor; a policy wants the whole road, so the field of view comes first and the frame rate second."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SensorMode:
    """One entry of Picamera2's sensor_modes."""

    size: tuple[int, int]  # pixels read out: width, height
    bit_depth: int
    crop: tuple[int, int, int, int]  # the part of the sensor that is read: x, y, width, height
    rate_hz: float  # at most

    @classmethod
    def of(cls, mode: dict[str, Any]) -> "SensorMode":
        """From Picamera2's dictionary. Raises KeyError for a camera that is no raw sensor: USB cameras are none."""
        return cls(mode["size"], mode["bit_depth"], mode["crop_limits"], mode["fps"])


def choose_mode(modes: Sequence[SensorMode], wanted_hz: float) -> SensorMode:
    """The mode with the largest field of view; among those the one that comes nearest to the wanted rate, then the
    one with the fewest pixels to read (binned: less noise, less heat), then the most bits. modes: one or more."""
    return max(
        modes,
        key=lambda mode: (
            mode.crop[2] * mode.crop[3],
            min(mode.rate_hz, wanted_hz),
            -mode.size[0] * mode.size[1],
            mode.bit_depth,
        ),
    )


def choose_rate_hz(fastest_hz: float, wanted_hz: float, period_s: float) -> float:
    """The highest whole multiple of the control rate that the sensor can do and the owner wants; where it can't even do
    that, what it can. At 46 Hz a period of 50 ms would be 2 frames and a bit, and the policy would wait for the third.
    """
    at_most = min(fastest_hz, wanted_hz)
    frames = math.floor(at_most * period_s + 1e-6)
    return frames / period_s if frames else at_most
