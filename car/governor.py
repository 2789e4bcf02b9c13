"""The last word before the drivetrain: no command that is stale, stopped, not a number, out of range or too sudden."""

import math
from collections.abc import Callable
from dataclasses import dataclass

NOT_ARMED = "not armed"
LONGEST_STEP_S = 0.1  # a longer pause between two commands gives no right to a larger jump


@dataclass(frozen=True)
class Limits:
    """What the car may do at most."""

    throttle_cap: float  # 0 .. 1, forward and reverse
    oldest_frame_s: float  # age of the frame behind a command
    throttle_slew_per_s: float  # how fast the throttle may grow; letting go is never slowed


def govern(
    steering: float, throttle: float, frame_age_s: float, since_s: float, last: tuple[float, float], limits: Limits
) -> tuple[float, float, str]:
    """Steering, throttle and, where they are not what was asked for, the reason ('' else). Pure.

    since_s: time since the last command; last: its steering and throttle.
    A stale frame or a value that is no number stops the car and holds the wheels; the rest is limited.
    """
    if not (math.isfinite(steering) and math.isfinite(throttle)):
        return last[0], 0.0, "a command that is not a number"
    if not 0 <= frame_age_s <= limits.oldest_frame_s:
        return last[0], 0.0, f"the frame is {1000 * frame_age_s:.0f} ms old"
    reason = ""
    capped = min(max(throttle, -limits.throttle_cap), limits.throttle_cap)
    if capped != throttle:
        reason = f"throttle held to the cap of {limits.throttle_cap:g}"
    before = abs(last[1]) if (last[1] > 0) == (capped > 0) else 0.0  # from the other direction it starts at zero
    reach = before + limits.throttle_slew_per_s * min(max(since_s, 0.0), LONGEST_STEP_S)
    if abs(capped) > reach:
        capped, reason = math.copysign(reach, capped), reason or "throttle grows"
    return min(max(steering, -1.0), 1.0), capped, reason


def latch(stopped: bool, armed: bool, stop: bool) -> bool:
    """Whether the e-stop holds. Pressed, it stays; it is released by letting go of it and of `armed`, both."""
    return stop or (stopped and armed)


class Governor:
    """The part around `govern`: keeps the last command and the e-stop's latch, which the guardian keeps as well.

    clock_ns: the clock that the camera stamps its frames with.
    """

    def __init__(self, limits: Limits, clock_ns: Callable[[], int]) -> None:
        self._limits, self._clock_ns = limits, clock_ns
        self._last, self._last_ns = (0.0, 0.0), clock_ns()
        self._stopped = False

    def run(
        self, steering: float, throttle: float, t_capture_ns: int, armed: bool | None, stop: bool | None
    ) -> tuple[float, float, str]:
        """armed: only True is; stop: whatever is not false stops. Either may not have been said yet (None)."""
        now_ns = self._clock_ns()
        steering, throttle, reason = govern(
            steering,
            throttle,
            (now_ns - t_capture_ns) / 1e9,
            (now_ns - self._last_ns) / 1e9,
            self._last,
            self._limits,
        )
        self._stopped = latch(self._stopped, armed is True, bool(stop))
        if self._stopped:
            throttle, reason = 0.0, "stopped: let go of STOP, then arm again"
        elif armed is not True:
            throttle, reason = 0.0, NOT_ARMED
        self._last, self._last_ns = (steering, throttle), now_ns
        return steering, throttle, reason
