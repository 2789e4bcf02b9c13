"""Steering and throttle to the pulses a servo and a motor controller (ESC) take, in microseconds. Pure."""

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

LEAST_THROTTLE = 0.01  # less is neutral: no motor turns for it, and noise shall not move one
BRAKE_NS = 150_000_000  # how long the ESC is shown a brake, then neutral, before it takes a pulse for reverse
NEUTRAL_NS = 150_000_000
LONGEST_STEP_S = 0.1  # a longer pause between two steps gives no right to a larger jump


@dataclass(frozen=True)
class Servos:
    """What calibration found out, as plain numbers. The ends may be in either order: so a servo is inverted."""

    left_us: float = 1000.0
    centre_us: float = 1500.0
    right_us: float = 2000.0
    steering_slew_per_s: float = 20.0  # of the range -1 .. 1
    reverse_us: float = 1000.0
    neutral_us: float = 1500.0
    forward_us: float = 2000.0
    deadband_us: float = 0.0  # the ESC's own: pulses nearer to neutral than this do nothing
    reverse_deadband_us: float | None = None  # the same below neutral; None: as above
    throttle_slew_per_s: float = 5.0
    reverse: Literal["brake-first", "direct", "never"] = "brake-first"
    steering_channel: int = 1
    throttle_channel: int = 0
    oscillator_hz: float = 25_000_000.0
    frequency_hz: float = 60.0
    bus: int = 1
    address: int = 0x40
    output_enable_gpio: int | None = None


def steering_pulse(servos: Servos, steering: float) -> float:
    """-1 .. 1 -> microseconds."""
    end = servos.left_us if steering < 0 else servos.right_us
    return servos.centre_us + abs(steering) * (end - servos.centre_us)


def throttle_pulse(servos: Servos, throttle: float) -> float:
    """-1 .. 1 -> microseconds; the ESC's dead band is jumped over, so that a small throttle is one."""
    if abs(throttle) < LEAST_THROTTLE:
        return servos.neutral_us
    span = (servos.reverse_us if throttle < 0 else servos.forward_us) - servos.neutral_us
    backward_us = servos.deadband_us if servos.reverse_deadband_us is None else servos.reverse_deadband_us
    dead = math.copysign(min(backward_us if throttle < 0 else servos.deadband_us, abs(span)), span)
    return servos.neutral_us + dead + abs(throttle) * (span - dead)


def slew(last: float, wanted: float, most: float) -> float:
    """From last towards wanted, by `most` at most."""
    return wanted if abs(wanted - last) <= most else last + math.copysign(most, wanted - last)


def slew_throttle(last: float, wanted: float, most: float) -> float:
    """Away from zero by `most` at most; towards zero at once, and another direction starts from zero."""
    started = last if (last > 0) == (wanted > 0) else 0.0
    return wanted if abs(wanted) <= abs(started) else slew(started, wanted, most)


class _Phase(Enum):
    FORWARD = auto()
    BRAKE = auto()
    NEUTRAL = auto()
    REVERSE = auto()


class ReverseGear:
    """Car ESCs take the first reverse pulse after driving forward for a brake, and reverse only after neutral again."""

    def __init__(self, how: Literal["brake-first", "direct", "never"]) -> None:
        self._how = how
        self._phase, self._until_ns = _Phase.FORWARD, 0

    @property
    def shifting(self) -> bool:
        """Whether the next phase comes by itself, with time."""
        return self._phase in (_Phase.BRAKE, _Phase.NEUTRAL)

    def shift(self, throttle: float, now_ns: int) -> float:
        """The throttle to give now so that the one that is wanted comes about."""
        if self._how == "direct":
            return throttle
        if self._how == "never":
            return max(throttle, 0.0)
        if throttle > 0:
            self._phase = _Phase.FORWARD
        elif throttle < 0:
            if self._phase is _Phase.FORWARD:
                self._phase, self._until_ns = _Phase.BRAKE, now_ns + BRAKE_NS
            elif self._phase is _Phase.BRAKE and now_ns >= self._until_ns:
                self._phase, self._until_ns = _Phase.NEUTRAL, now_ns + NEUTRAL_NS
            elif self._phase is _Phase.NEUTRAL and now_ns >= self._until_ns:
                self._phase = _Phase.REVERSE
        elif self._phase is _Phase.BRAKE:  # let go while braking: the ESC has had its brake
            self._phase, self._until_ns = _Phase.NEUTRAL, now_ns + NEUTRAL_NS
        return 0.0 if self._phase is _Phase.NEUTRAL else throttle
