"""The procedures, with a person who types from a list: on a drivetrain that takes notes, and on the simulated chip."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calibration.car_file import CalibrationError, load_calibration, nominal
from calibration.steering import calibrate_steering
from calibration.terminal import Terminal
from calibration.throttle import calibrate_throttle
from settings import PROJECT
from tests.car.hazards import Chip

STEERING = ["yes", "w", "+20", "", "-50", "-50", "-", "", "+50", "+50", "=", ""]
THROTTLE = ["yes", "", "+30", "", "f", "+50", "", "b", "-20", "", "-50", "-30", ""]


class Notes:
    """A drivetrain that takes notes."""

    def __init__(self) -> None:
        self.held: list[float] = []
        self.bursts: list[tuple[float, bool]] = []

    def hold(self, steering_us: float) -> None:
        self.held.append(steering_us)

    def burst(self, throttle_us: float, *, brake_first: bool = False) -> None:
        self.bursts.append((throttle_us, brake_first))


def typed(*answers: str) -> Terminal:
    lines = iter(answers)

    def ask(_: str, __: tuple[str, ...]) -> str:
        try:
            return next(lines)
        except StopIteration as error:
            raise EOFError from error

    return Terminal(ask, lambda _: None)


def test_steering() -> None:
    notes = Notes()
    found = calibrate_steering(nominal(), notes, typed(*STEERING)).steering
    assert (found.left_us, found.centre_us, found.right_us) == (1410, 1520, 1620)
    assert max(abs(b - a) for a, b in zip(notes.held, notes.held[1:], strict=False)) <= 110  # back to centre between
    assert found.date is not None
    assert notes.bursts == []


def test_throttle() -> None:
    notes = Notes()
    found = calibrate_throttle(nominal(), notes, typed(*THROTTLE)).throttle
    assert (found.reverse_us, found.neutral_us, found.forward_us, found.deadband_us) == (1400, 1500, 1580, 30)
    assert found.reverse_deadband_us == 20
    assert found.reverse == "brake-first"
    assert {brake for pulse, brake in notes.bursts if pulse < 1500} == {True}
    assert {brake for pulse, brake in notes.bursts if pulse > 1500} == {False}


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        (["no"], "nothing was moved"),
        (["ja"], "nothing was moved"),
        ([], "nobody answers"),
        (["yes", "w", "q"], "given up"),
        (["yes", "w", "+20"], "nobody answers"),
        (["yes", "w", "", "", ""], "is not between"),
        (["yes", "m"], "the motor answers on the steering's channel 1"),
        (["yes", "n"], "nothing answers on channel 1"),
    ],
)
def test_a_person_who_gives_up(answers: list[str], complaint: str) -> None:
    notes = Notes()
    with pytest.raises(CalibrationError, match=complaint):
        calibrate_steering(nominal(), notes, typed(*answers))
    if answers[:1] != ["yes"]:
        assert notes.held == []


def test_steps_are_small_and_stay_within_what_servos_take() -> None:
    notes = Notes()
    wrong = ["100", "+51", "+1e9", "-nan", "+inf", "left", "++"]
    far = ["+50"] * 30
    with pytest.raises(CalibrationError):
        calibrate_steering(nominal(), notes, typed("yes", "w", *wrong, *far))
    assert notes.held[2:] == [1500.0 + 50 * step for step in range(21)]


def run(what: str, car: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        str(PROJECT / "manage.py"),
        "calibrate",
        what,
        "--drivetrain",
        "simchip",
        "--car",
        str(car),
    ]
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # Where the tests themselves run in a shell's background, Ctrl-C is ignored.
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, text=True, cwd=PROJECT, start_new_session=True, **options)


def test_throttle_on_the_chip_in_bursts_that_end_by_themselves(tmp_path: Path) -> None:
    chip = Chip(tmp_path)
    process = run("throttle", tmp_path)
    out, err = process.communicate("\n".join(THROTTLE) + "\n", timeout=60)
    assert process.returncode == 0, err
    assert "saved in" in out
    assert load_calibration(tmp_path).throttle.forward_us == 1580
    assert chip.now().neutral
    bursts_ms = chip.bursts_ms()
    assert len(bursts_ms) >= 5
    assert max(bursts_ms) < 600  # 500, and a late scheduler
    chip.close()


@pytest.mark.parametrize(
    ("what", "answers", "end"),
    [
        *(("throttle", "yes\n+50\n", end) for end in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, None)),
        *(("vehicle", "0.17\nyes\n\n", end) for end in (signal.SIGINT, signal.SIGKILL)),
    ],
)
def test_neutral_on_any_exit(tmp_path: Path, what: str, answers: str, end: signal.Signals | None) -> None:
    """In the middle of a burst, or of a straight run; None: the terminal's end."""
    chip = Chip(tmp_path)
    process = run(what, tmp_path)
    process.stdin.write(answers)
    process.stdin.flush()
    chip.wait_moving()
    event_ns = time.monotonic_ns()
    if end is None:
        process.stdin.close()
    else:
        os.killpg(process.pid, end)
    chip.neutral_ms(event_ns)
    assert process.wait(timeout=20) != 0
    assert "Traceback" not in process.stderr.read()
    assert load_calibration(tmp_path) is None
    chip.close()


def test_steering_on_the_chip(tmp_path: Path) -> None:
    chip = Chip(tmp_path)
    _, err = (process := run("steering", tmp_path)).communicate("\n".join(STEERING) + "\n", timeout=60)
    assert process.returncode == 0, err
    assert load_calibration(tmp_path).steering.centre_us == 1520
    assert all(standing.neutral for standing in chip.history())
    assert {1410, 1520, 1620} <= {round(standing.steering_us / 10) * 10 for standing in chip.history()}
    chip.close()


VEHICLE = ["0.17", "yes", *["", "1.0", "0", "", "2.2", "0.05"] * 2, "", "l", "0.8", "", "r", "0.9"]


def test_vehicle_on_the_chip_never_beyond_the_cap(tmp_path: Path) -> None:
    chip = Chip(tmp_path)
    process = run("vehicle", tmp_path)
    out, err = process.communicate("\n".join(VEHICLE) + "\n", timeout=120)
    assert process.returncode == 0, err
    assert "saved in" in out
    found = load_calibration(tmp_path)
    assert found.vehicle.wheelbase_m == 0.17
    assert found.steering.centre_us < 1500  # it drifted to the right
    stood = chip.history()
    assert stood[-1].neutral
    fastest_us = max(standing.throttle_us for standing in stood)
    assert fastest_us == pytest.approx(1500 + 0.2 * 500, abs=5)  # [drive] throttle_cap
    assert {1000, 2000} <= {round(standing.steering_us / 20) * 20 for standing in stood}
    chip.close()
