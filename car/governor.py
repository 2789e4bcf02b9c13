"""The last word before the drivetrain: no command that is stale, not a number, or out of range."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What the car may do at most."""

    throttle_cap: float  # 0 .. 1, forward and reverse
    oldest_frame_s: float  # age of the frame behind a command


def govern(
    steering: float, throttle: float, frame_age_s: float, last_steering: float, limits: Limits
) -> tuple[float, float, str]:
    """Steering, throttle and, where they are not what was asked for, the reason ('' else). Pure.

    A stale frame or a value that is no number stops the car and holds the wheels; the rest is limited.
    """
    if not (math.isfinite(steering) and math.isfinite(throttle)):
        return last_steering, 0.0, "a command that is not a number"
    if not 0 <= frame_age_s <= limits.oldest_frame_s:
        return last_steering, 0.0, f"the frame is {1000 * frame_age_s:.0f} ms old"
    reason = ""
    capped = min(max(throttle, -limits.throttle_cap), limits.throttle_cap)
    if capped != throttle:
        reason = f"throttle held to the cap of {limits.throttle_cap:g}"
    return min(max(steering, -1.0), 1.0), capped, reason


class Governor:
    """The part around `govern`: keeps the last steering. clock_ns: the clock that the camera stamps its frames with."""

    def __init__(self, limits: Limits, clock_ns: Callable[[], int]) -> None:
        self._limits, self._clock_ns = limits, clock_ns
        self._steering = 0.0

    def run(self, steering: float, throttle: float, t_capture_ns: int) -> tuple[float, float, str]:
        age_s = (self._clock_ns() - t_capture_ns) / 1e9
        self._steering, throttle, reason = govern(steering, throttle, age_s, self._steering, self._limits)
        return self._steering, throttle, reason
