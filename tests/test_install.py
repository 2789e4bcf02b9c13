"""What `make drive` and `make service` do on a Raspberry Pi, with a Python and a board that are not there."""

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from settings import PROJECT

PI = "Raspberry Pi 4 Model B Rev 1.5\0"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project's scripts in a folder of their own."""
    folder = tmp_path / "checkout"
    (folder / "car").mkdir(parents=True)
    shutil.copytree(PROJECT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "car" / "units", folder / "car" / "units")
    return folder


def python(tmp_path: Path, *, picamera2: bool) -> Path:
    """A Python that says what it was asked for. It has Picamera2, or not."""
    file = tmp_path / "python3"
    missing = "" if picamera2 else "case $2 in *picamera2*) exit 1 ;; esac\n"
    file.write_text(f'#!/bin/sh\n{missing}echo "$@" >>{tmp_path}/asked\n')
    file.chmod(0o755)
    return file


def make_venv(checkout: Path, tmp_path: Path, board: str, *, picamera2: bool) -> subprocess.CompletedProcess[str]:
    model = tmp_path / "model"
    model.write_text(board)
    return subprocess.run(
        [checkout / "scripts/make-venv", model],
        env=os.environ | {"PYTHON": str(python(tmp_path, picamera2=picamera2))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_on_a_pi_the_environment_sees_the_systems_packages(checkout: Path, tmp_path: Path) -> None:
    process = make_venv(checkout, tmp_path, PI, picamera2=True)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "asked").read_text().splitlines()[-1] == "-m venv --system-site-packages .venv"


def test_on_a_pi_without_picamera2_the_line_to_type_is_printed(checkout: Path, tmp_path: Path) -> None:
    process = make_venv(checkout, tmp_path, PI, picamera2=False)
    assert process.returncode == 1
    assert "sudo apt install -y python3-picamera2" in process.stderr
    assert "-m venv" not in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("board", ["", "NVIDIA Jetson Nano Developer Kit\0"])
def test_elsewhere_it_sees_its_own_alone(checkout: Path, tmp_path: Path, board: str) -> None:
    process = make_venv(checkout, tmp_path, board, picamera2=False)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "asked").read_text().splitlines()[-1] == "-m venv .venv"


def render(checkout: Path, out: Path, car: Path) -> subprocess.CompletedProcess[str]:
    out.mkdir()
    return subprocess.run(
        [checkout / "scripts/install-service", "--render", out],
        env=os.environ | {"CAR": str(car)},
        capture_output=True,
        text=True,
        check=False,
    )


def unit(file: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(file)
    return parser


def test_the_units_name_this_project_and_this_car(checkout: Path, tmp_path: Path) -> None:
    assert render(checkout, tmp_path / "units", tmp_path / "my-car").returncode == 0
    guardian, drive = (unit(tmp_path / "units" / f"patate-{name}.service") for name in ("guardian", "drive"))
    assert guardian["Service"]["ExecStart"] == (
        f"{checkout}/.venv/bin/python -m car.guardian --car {tmp_path / 'my-car'}"
    )
    assert drive["Service"]["ExecStart"].endswith(f"manage.py drive --car {tmp_path / 'my-car'}")
    assert drive["Unit"]["After"] == drive["Unit"]["Wants"] == "patate-guardian.service"
    assert (guardian["Service"]["Restart"], guardian["Unit"]["StartLimitIntervalSec"]) == ("always", "0")
    assert guardian["Service"]["WatchdogSec"] == "500ms"
    assert "@" not in "".join(file.read_text() for file in (tmp_path / "units").iterdir())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here to verify the units with")
def test_systemd_accepts_the_units(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".venv/bin").mkdir(parents=True)
    shutil.copy(shutil.which("true"), checkout / ".venv/bin/python")  # verify wants it to be there
    render(checkout, tmp_path / "units", tmp_path / "car")
    files = sorted((tmp_path / "units").glob("*.service"))
    process = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    complaints = [line for line in process.stderr.splitlines() if "patate-" in line]
    assert (process.returncode, complaints) == (0, []), process.stderr


def test_a_path_that_systemd_would_misread_is_refused(checkout: Path, tmp_path: Path) -> None:
    process = render(checkout, tmp_path / "units", tmp_path / "my car")
    assert process.returncode == 1
    assert "plain letters" in process.stderr
    assert list((tmp_path / "units").iterdir()) == []


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="this machine runs systemd: it would be changed")
def test_without_systemd_it_says_so(checkout: Path) -> None:
    process = subprocess.run([checkout / "scripts/install-service"], capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert "does not run systemd" in process.stderr
