"""A person at a terminal, and a car on a stand: what all procedures ask and how."""

from collections.abc import Callable
from typing import Protocol

from calibration.car_file import CalibrationError

STEP_US, LARGEST_STEP_US = 10.0, 50.0
SHORTEST_US, LONGEST_US = 500.0, 2500.0


class PulseDrivetrain(Protocol):
    """What a procedure moves. Whatever happens, its owner brings the throttle to neutral afterwards."""

    def hold(self, steering_us: float) -> None:
        """The servo goes there and stays; the throttle is neutral."""

    def burst(self, throttle_us: float, *, brake_first: bool = False) -> None:
        """The motor gets this pulse for half a second at most; returns when it is over.
        brake_first: show the ESC a brake and neutral before, as it needs for reverse."""


class Terminal:
    """Questions and answers. Raises CalibrationError when the person gives up; nothing was saved then."""

    def __init__(self, ask: Callable[[str], str], say: Callable[[str], None]) -> None:
        self._ask, self.say = ask, say

    def wheels_up(self) -> None:
        """The question before anything moves."""
        if (
            self.answer("The car's wheels will turn. Are they off the ground, and is nothing in their way? [yes/no] ")
            != "yes"
        ):
            raise CalibrationError("nothing was moved; put the car on a stand, and answer yes")

    def answer(self, question: str) -> str:
        try:
            text = self._ask(question).strip().lower()
        except EOFError as error:
            raise CalibrationError("nobody answers: nothing was saved") from error
        if text in ("q", "quit"):
            raise CalibrationError("given up: nothing was saved")
        return text

    def find_pulse(self, what: str, start_us: float, try_it: Callable[[float], None]) -> float:
        """Steps until the person is content; every pulse is tried as soon as it is named. Returns microseconds."""
        self.say(
            f"{what}\n  + and - go {STEP_US:g} us further, +30 or -5 so many; = tries again; Enter takes it; q gives up"
        )
        pulse_us = start_us
        try_it(pulse_us)
        while text := self.answer(f"  {pulse_us:.0f} us > "):
            step_us = 0.0 if text == "=" else {"+": STEP_US, "-": -STEP_US}.get(text)
            if step_us is None:
                try:
                    step_us = float(text)
                except ValueError:
                    step_us = float("nan")
            if not abs(step_us) <= LARGEST_STEP_US or (text[0] not in "+-="):
                self.say(f"  that is no step: +, -, or up to {LARGEST_STEP_US:g} us, like +30")
            elif not SHORTEST_US <= pulse_us + step_us <= LONGEST_US:
                self.say(f"  no servo goes there: {SHORTEST_US:g} to {LONGEST_US:g} us")
            else:
                pulse_us += step_us
                try_it(pulse_us)
        return pulse_us
