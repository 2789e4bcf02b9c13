"""What all procedures ask a person, and how: at a terminal, or on the driver's page."""

from collections.abc import Callable, Mapping
from typing import Protocol

from calibration.car_file import CalibrationError

NOBODY = "nobody answers: nothing was saved"
GO_ON = {"": "go on (Enter)"}
YES_NO = {"yes": "yes", "no": "no"}
STEP_US, LARGEST_STEP_US = 10.0, 50.0
STEPS = {
    f"-{LARGEST_STEP_US:g}": f"−{LARGEST_STEP_US:g}",
    "-": f"−{STEP_US:g}",
    "+": f"+{STEP_US:g}",
    f"+{LARGEST_STEP_US:g}": f"+{LARGEST_STEP_US:g}",
    "=": "try again",
    "": "take it",
}
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

    def __init__(
        self, ask: Callable[[str, Mapping[str, str]], str], say: Callable[[str], None], *, keys: bool = True
    ) -> None:
        """ask: gets the question, and the answers that a page has a button for with the words on it, "" is Enter;
        blocks for the answer, and raises EOFError where nobody will give one. keys: answers are typed, so that it has
        to be said which there are."""
        self._ask, self.say, self._keys = ask, say, keys

    def wheels_up(self) -> None:
        """The question before anything moves."""
        question = "The car's wheels will turn. Are they off the ground, and is nothing in their way? [yes/no] "
        if self.answer(question, YES_NO) != "yes":
            raise CalibrationError("nothing was moved; put the car on a stand, and answer yes")

    def on_the_floor(self, room: str) -> None:
        """The question before the car drives by itself."""
        question = f"The car will drive by itself: stand it on the floor, with {room} free around it. Ready? [yes/no] "
        if self.answer(question, YES_NO) != "yes":
            raise CalibrationError("nothing was moved; make room, and answer yes")

    def choose(self, question: str, answers: Mapping[str, str]) -> str:
        """One of the values of `answers`, by its key, asked until it is one."""
        while (text := self.answer(question, answers)) not in answers:
            self.say(f"  that is none of {', '.join(answers)}")
        return answers[text]

    def measure(self, question: str, low_m: float, high_m: float) -> float:
        """A distance in metres. Raises CalibrationError as as_metres."""
        return as_metres(self.answer(question), low_m, high_m)

    def answer(self, question: str, choices: Mapping[str, str] | None = None) -> str:
        """As typed, without capitals and the spaces around it. choices: what a page has buttons for, with their
        words."""
        try:
            text = self._ask(question, choices or {}).strip().lower()
        except EOFError as error:
            raise CalibrationError(NOBODY) from error
        if text in ("q", "quit"):
            raise CalibrationError("given up: nothing was saved")
        return text

    def find_pulse(self, what: str, start_us: float, try_it: Callable[[float], None]) -> float:
        """Steps until the person is content; every pulse is tried as soon as it is named. Returns microseconds."""
        keys = f"  + and - go {STEP_US:g} us further, +30 or -5 so many; = tries again; Enter takes it; q gives up"
        self.say(f"{what}\n{keys}" if self._keys else what)
        pulse_us = start_us
        try_it(pulse_us)
        while text := self.answer(f"  {pulse_us:.0f} us > ", STEPS):
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


def as_metres(text: str, low_m: float, high_m: float) -> float:
    """What a person has measured. Raises CalibrationError for what is no number, or a distance that no car has."""
    try:
        value_m = float(text.replace(",", "."))
    except ValueError as error:
        raise CalibrationError(f"{text!r} is no number of metres, like 0.42; nothing was saved") from error
    if value_m < 0 <= low_m:
        raise CalibrationError(f"{value_m:g} is a negative distance; measure again; nothing was saved")
    if not low_m <= value_m <= high_m:
        raise CalibrationError(
            f"{value_m:g} is not in {low_m:g} .. {high_m:g} metres; measure again; nothing was saved"
        )
    return value_m
