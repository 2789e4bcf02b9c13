"""What `drive` says when there are no wires to hold."""

import time
from pathlib import Path

import pytest

from calibration.car_file import nominal, save_calibration
from car.drivetrain import open_drivetrain
from tests.conftest import assert_one_line


def test_a_real_car_without_a_calibration_does_not_move(manage, tmp_path: Path) -> None:
    assert_no_drive(
        manage("drive", "--drivetrain", "pca9685", "--car", tmp_path), "no calibration", "calibrate steering"
    )


@pytest.mark.skipif(Path("/dev/i2c-1").exists(), reason="there is a bus here, and maybe a car on it")
def test_a_real_car_without_a_bus_does_not_move(manage, tmp_path: Path) -> None:
    save_calibration(tmp_path, nominal())
    assert_no_drive(manage("drive", "--drivetrain", "pca9685", "--car", tmp_path), "/dev/i2c-1", "raspi-config")
    assert_one_line(manage("calibrate", "steering", "--car", tmp_path), "/dev/i2c-1", "raspi-config")


def test_a_broken_calibration_is_one_line(manage, tmp_path: Path) -> None:
    path = save_calibration(tmp_path, nominal())
    path.write_text(path.read_text().replace("neutral_us", "neutrl_us"))
    for kind in ("pca9685", "simchip"):
        assert_no_drive(manage("drive", "--drivetrain", kind, "--car", tmp_path), "did you mean neutral_us?")


def test_arming_is_for_wires(manage, tmp_path: Path) -> None:
    assert_one_line(manage("drive", "--armed", "--car", tmp_path), "--armed", "--drivetrain simchip")


def assert_no_drive(process, *words: str) -> None:
    """One line after what `drive` says of the throttle's cap."""
    assert process.returncode == 1, process.stdout
    *before, complaint = process.stderr.strip().splitlines()
    assert len(before) <= 1
    assert complaint.startswith("manage.py: ")
    for word in words:
        assert word in complaint, complaint


def test_how_long_a_frame_takes_to_its_pulse_is_known(tmp_path: Path) -> None:
    """A real guardian on the simulated chip; each frame is 30 ms old when its command is given."""
    drivetrain = open_drivetrain("simchip", tmp_path, 0.2, time.monotonic_ns)
    assert drivetrain.pulse_ms is None
    try:
        for _ in range(200):
            frame_ns = time.monotonic_ns() - 30_000_000
            drivetrain.run(0.1, 0.0, frame_ns, False, False)
            time.sleep(0.02)
            if drivetrain.pulse_ms is not None:
                break
        assert 30 <= drivetrain.pulse_ms < 10_000
    finally:
        drivetrain.shutdown()
