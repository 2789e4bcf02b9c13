"""A person who calibrates a car that nobody has measured: answers what is asked, by what can be seen of it."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from calibration.terminal import YES_NO, Terminal
from tests.calibration.true_car import TrueCar


class Person:
    """Who answers: by what can be seen of the car, by a tape and a meter, with the errors that eyes and tapes have."""

    def __init__(self, car: TrueCar, seed: int) -> None:
        self.car, self._rng = car, np.random.default_rng((5, seed))
        self._sign = "+"
        self._finding = self._find("")
        self._mark, self._across_m = car.pose, list[float]()
        self.terminal = Terminal(self._answer, self._hear)

    def _hear(self, words: str) -> None:
        first = words.split(":", maxsplit=1)[0].split(".", maxsplit=1)[0].strip()
        if "BACKWARD" in words:
            first = "START BACK"
        if first in ("CENTRE", "LEFT", "RIGHT", "NEUTRAL", "START", "START BACK", "FORWARD", "REVERSE"):
            self._finding = self._find(first)
        if "Mark the floor" in words:
            self._mark, self._across_m = self.car.pose, []

    def _answer(self, question: str, choices: Mapping[str, str]) -> str:  # noqa: PLR0911 - a question, an answer
        car, rng = self.car, self._rng
        if question.strip().endswith("us >"):
            return next(self._finding)
        if choices == YES_NO:
            return "yes"
        if "What moved" in question:
            return "w"
        if "What did that" in question:
            return "f" if car.fastest > 0 else "b"
        if question.startswith("REVERSE"):
            return "b"
        if "what it shows" in question:
            return f"{car.frequency_hz:.2f} Hz"
        if "WHEELBASE" in question:
            return f"{car.truth.scene.wheelbase_m + rng.normal(0, 0.0007):.3f}"
        if "on its mark" in question:
            self._mark = car.pose
            self._line_rad = self._mark[2] + rng.normal(0, np.radians(0.4))
            return ""
        if "ahead, in metres" in question:
            return f"{self._from_mark(self._line_rad)[0] + rng.normal(0, 0.003):.3f}"
        if "to the right" in question and "metres" in question:
            return f"{-self._from_mark(self._line_rad)[1] + rng.normal(0, 0.003):.3f}"
        if "drives the first one" in question:
            self._mark = car.pose
            return ""
        if "left (l)" in question:
            return "l" if car.pose[2] > self._mark[2] else "r"
        assert "at most?" in question, question
        self._across_m.append(float(np.hypot(*self._from_mark(0.0)) + rng.normal(0, 0.003)))
        return "" if self._across_m[-1] == max(self._across_m) else f"{max(self._across_m):.3f}"

    def _from_mark(self, line_rad: float) -> tuple[float, float]:
        """Ahead and to the left of it, along a line."""
        x_m, y_m = self.car.pose[0] - self._mark[0], self.car.pose[1] - self._mark[1]
        return (
            x_m * math.cos(line_rad) + y_m * math.sin(line_rad),
            y_m * math.cos(line_rad) - x_m * math.sin(line_rad),
        )

    def _find(self, stage: str):
        """What is typed while a pulse is looked for, one answer after the other; "" is content."""
        car = self.car
        if stage == "CENTRE":
            yield from self._towards(lambda: abs(car.wheels + self._rng.normal(0, 0.005)), 0.02)
        elif stage in ("LEFT", "RIGHT"):
            side = -1 if stage == "LEFT" else 1
            yield from self._to_the_stop(lambda: side * car.wheels)
        elif stage == "NEUTRAL":
            yield from self._towards(lambda: abs(car.fastest), 0.0005)
        elif stage == "START":
            yield from self._until(lambda: car.fastest > 0.001, lambda: car.fastest < -0.001)
        elif stage == "START BACK":
            yield from self._until(lambda: car.fastest < -0.001, lambda: car.fastest > 0.001)
        elif stage in ("FORWARD", "REVERSE"):
            sign = self._sign
            for _ in range(4):
                yield f"{sign}50"
        yield ""

    def _towards(self, error: Callable[[], float], enough: float):
        sign, last = 1, error()
        while last > enough:
            step = 50 if last > 0.3 else 15 if last > 0.06 else 5
            yield f"{sign * step:+d}"
            if (now := error()) > last:
                sign = -sign
            last = now

    def _to_the_stop(self, turned: Callable[[], float]):
        before = turned()
        yield "+10"
        sign = 1 if turned() > before else -1
        for step in (50, 10, 4):
            while turned() <= 1.0:  # no humming
                yield f"{sign * step:+d}"
            while turned() > 1.0:
                yield f"{-sign * step:+d}"

    def _until(self, seen: Callable[[], bool], wrong: Callable[[], bool]):
        sign = "+"
        while not seen():
            if wrong():
                sign = "-" if sign == "+" else "+"
            yield f"{sign}10"
        self._sign = sign
