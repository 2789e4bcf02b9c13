"""`manage.py calibrate ... --page` on a simulated servo board, and a person who clicks."""

import re
import subprocess
import sys
from pathlib import Path

from calibration.car_file import CarCalibration, load_calibration
from settings import PROJECT
from tests.car.hazards import Chip, take_precedence
from tests.car.page.browser.conftest import Tab


class Calibrating:
    """The real program: its link, its chip."""

    def __init__(self, what: str, car: Path) -> None:
        (car / "settings.toml").write_text("[page]\nport = 0\n")
        self.car, self.chip = car, Chip(car)
        command = [sys.executable, PROJECT / "manage.py", "calibrate", what, "--page"]
        self.process = subprocess.Popen(
            [*command, "--drivetrain", "simchip", "--car", car],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found, self.process.communicate()
        self.link = found[0]
        take_precedence(self.process)

    @property
    def saved(self) -> CarCalibration | None:
        return load_calibration(self.car)

    def ends(self, code: int, words: str) -> None:
        """With this exit code; where it is not 0, with one line that has these words."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == code, out + err
        assert words in (err if code else out)
        assert len(err.splitlines()) == (1 if code else 0), err
        assert self.chip.now().neutral

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.chip.close()


def press(tab: Tab, *labels: str) -> None:
    """The buttons of these words, one after the other, each as soon as it takes a press."""
    for label in labels:
        tab.page.click(f"#choices button:text-is('{label}')")


def type_in(tab: Tab, text: str) -> None:
    """Into the text field, then Enter."""
    tab.page.fill("#typed", text)
    tab.page.press("#typed", "Enter")
