"""Raw joystick events through a FIFO, through donkeycar's own classes."""

import fcntl
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from car import pad as module
from car.pad import _STOCK, Pad
from settings import PROJECT, PadType
from tests.car import js
from tests.car.js import FakePad
from tests.car.page.car import eventually

# Where donkeycar has them: steering axis, throttle axis, e-stop, mode, and our arming button (None: has none).
LAYOUT = {
    "ps3": (0x00, 0x04, 0x130, 0x13A, 0x13B),
    "ps3sixad": (0x02, 0x01, 0x12E, 0x120, 0x123),
    "ps4": (0x00, 0x04, 0x130, 0x13A, 0x13B),
    "nimbus": (0x00, 0x05, 0x130, 0x131, 0x132),
    "xbox": (0x00, 0x05, 0x134, 0x130, 0x13B),
    "xboxswapped": (0x02, 0x01, 0x134, 0x130, 0x13B),
    "wiiu": (0x00, 0x04, 305, 304, 315),
    "F710": (0x00, 0x04, 0x130, 0x13B, 0x13A),
    "rc3": (0x00, 0x01, 0x120, 0x121, None),
}
STEERING, THROTTLE, STOP, MODE, ARM = LAYOUT["ps3"]
RECORD, ERASE = 0x131, 0x133


class Car:
    """A pad's row of the table, run by hand."""

    def __init__(self, kind: str, device: Path, recorder: object = None) -> None:
        self.part = Pad(kind, str(device), 0.2, recorder)
        self.mode, self.recording, self.armed, self.stop = "user", False, False, False
        self.steering = self.throttle = 0.0
        self.drives = False

    def round(self) -> "Car":
        row = self.part.run(self.mode, self.recording, self.armed, self.stop)
        self.steering, self.throttle, self.mode, self.recording, self.armed, self.stop, self.drives = row
        return self

    def becomes(self, **wanted: object) -> None:
        eventually(lambda: wanted.items() <= vars(self.round()).items())


@pytest.fixture(autouse=True)
def _kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", js.ioctl)
    monkeypatch.setattr(module, "RETRY_S", 0.02)


@pytest.fixture
def pad(tmp_path: Path) -> FakePad:
    return FakePad(tmp_path / "js0")


@pytest.fixture
def car(pad: FakePad) -> Iterator[Car]:
    """With a pad that is plugged in, armed."""
    car = Car("ps3", pad.path)
    pad.plug_in()
    car.becomes(drives=True)
    pad.press(ARM)
    car.becomes(armed=True)
    yield car
    car.part.shutdown()


def test_the_kinds_are_the_settings(pad: FakePad) -> None:
    assert sorted(_STOCK) == sorted(get_args(PadType)) == sorted(LAYOUT)


@pytest.mark.parametrize("kind", LAYOUT)
@pytest.mark.parametrize("mode", ["user", "local_angle", "local"])
def test_the_estop_stops_in_every_mode_on_every_pad(pad: FakePad, kind: str, mode: str) -> None:
    """donkeycar's is overwritten in autopilot: 18 rounds after it, the throttle still stood."""
    car = Car(kind, pad.path)
    car.mode = mode
    pad.plug_in()
    car.becomes(drives=True)
    car.armed = True
    pad.press(LAYOUT[kind][2])
    car.becomes(armed=False, stop=True)
    for _ in range(20):
        assert (car.round().stop, car.armed, car.throttle) == (True, False, 0.0)
    arm = LAYOUT[kind][4]
    if arm is not None:
        pad.press(arm)
        car.becomes(armed=False, stop=False)
        pad.press(arm)
        car.becomes(armed=True, stop=False)
    car.part.shutdown()


@pytest.mark.parametrize("kind", LAYOUT)
def test_sticks_and_modes_are_donkeycars(pad: FakePad, kind: str) -> None:
    steering, throttle, _, mode, _ = LAYOUT[kind]
    sign = -1 if kind == "rc3" else 1  # donkeycar turns that one's axes around
    car = Car(kind, pad.path)
    pad.plug_in()
    pad.axis(steering, sign * -0.5)
    car.becomes(steering=pytest.approx(-0.5, abs=0.001))
    pad.axis(throttle, sign * -1.0)  # up
    car.becomes(throttle=pytest.approx(0.2, abs=0.001))
    pad.press(mode)
    car.becomes(mode="local_angle")
    car.part.shutdown()


def test_what_the_page_chose_stays_until_the_pad_chooses(car: Car, pad: FakePad) -> None:
    car.mode, car.recording = "local", True
    car.round()
    assert (car.mode, car.recording) == ("local", True)
    pad.press(MODE)
    car.becomes(mode="user")
    pad.press(RECORD)
    car.becomes(recording=False)


def test_a_stick_beyond_its_end_is_at_its_end(car: Car, pad: FakePad) -> None:
    pad.axis(STEERING, -1.0)  # -32768 / 32767
    car.becomes(steering=-1.0)


def test_nothing_drives_on_by_itself_and_nothing_is_armed_with_the_throttle_held(car: Car, pad: FakePad) -> None:
    """donkeycar's constant throttle was on this button."""
    pad.press(ARM)
    car.becomes(armed=False)
    pad.axis(THROTTLE, -0.5)
    car.becomes(throttle=pytest.approx(0.1, abs=0.001))
    pad.press(ARM)
    pad.press(MODE)
    car.becomes(mode="local_angle")
    assert not car.armed
    pad.axis(THROTTLE, 0.0)
    pad.press(ARM)
    car.becomes(armed=True, throttle=0.0)


def test_a_pad_that_goes_away_stops_the_car_and_may_come_back(car: Car, pad: FakePad) -> None:
    pad.axis(THROTTLE, -1.0)
    pad.axis(STEERING, 1.0)
    car.becomes(throttle=pytest.approx(0.2, abs=0.001), steering=1.0)
    pad.unplug()
    car.becomes(drives=False)
    assert (car.steering, car.throttle, car.armed) == (0.0, 0.0, False)
    pad.plug_in()
    car.becomes(drives=True)
    assert (car.throttle, car.armed) == (0.0, False)


def test_a_pad_that_speaks_nonsense_is_a_pad_that_is_gone(car: Car, pad: FakePad) -> None:
    pad.axis(THROTTLE, -1.0)
    car.becomes(throttle=pytest.approx(0.2, abs=0.001))
    pad.garble(struct.pack("IhBB", 0, 1, js.BUTTON, 255))  # it has 200
    car.becomes(drives=False)
    assert (car.throttle, car.armed) == (0.0, False)


def test_without_a_pad_nobody_drives_and_nothing_changes(tmp_path: Path) -> None:
    car = Car("xbox", tmp_path / "nothing")
    car.mode, car.armed = "local", True
    for _ in range(5):
        assert vars(car.round()).items() >= {"drives": False, "mode": "local", "armed": True, "throttle": 0.0}.items()
    car.part.shutdown()


def test_the_erase_button_reaches_the_recorder(pad: FakePad) -> None:
    class Recorder:
        deleted = 0

        def delete_last_n_records(self, count: int) -> None:
            self.deleted += count

    recorder = Recorder()
    car = Car("ps3", pad.path, recorder)
    pad.plug_in()
    pad.press(ERASE)
    eventually(lambda: recorder.deleted == 100)
    car.part.shutdown()


def test_a_whole_drive_by_pad(tmp_path: Path, pad: FakePad) -> None:
    """The program itself: autopilot, e-stop, release, arm, drive by hand, and the pad goes away."""
    (tmp_path / "settings.toml").write_text(f'[pad]\ntype = "ps3"\ndevice = "{pad.path}"\n')
    program = """
import fcntl, sys, car.display, manage
from tests.car import js
fcntl.ioctl = js.ioctl
car.display.LINE_PERIOD_S = 0.05
manage.main()
"""
    command = [sys.executable, "-c", program, "drive", "--no-page", "--car", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT)

    def until(pattern: str) -> None:
        seen, deadline = [], time.monotonic() + 20
        for line in process.stdout:
            seen.append(line)
            if re.search(pattern, line):
                return
            if time.monotonic() > deadline:
                break
        raise AssertionError(f"no {pattern} in:\n" + "".join(seen[-20:]))

    try:
        until(r"throttle \+0\.20")  # the policy drives
        pad.plug_in()
        pad.press(STOP)
        until(r"throttle \+0\.00  \(stopped: let go of STOP, then arm again\)")
        pad.press(ARM)
        until(r"throttle \+0\.00  \(not armed\)")
        pad.press(ARM)
        until(r"throttle \+0\.20")
        pad.press(MODE)
        until(r"throttle \+0\.00$")
        pad.axis(STEERING, 0.5)
        pad.axis(THROTTLE, -0.5)
        until(r"steering \+0\.50  throttle \+0\.10$")
        pad.unplug()
        until(r"steering \+0\.00  throttle \+0\.00  \(not armed\)")
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0, out
