"""Each check below a root folder of the test's own: a laptop's and a Raspberry Pi's, whole and broken."""

import errno
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from calibration.car_file import nominal, path_of, save_calibration
from car.doctor import machine, policy, report, servos
from car.doctor.line import Line, at_least, ok
from car.hardware import CameraChoice
from errors import UserError
from settings import Settings
from tests.calibration.measured_car import measured_car
from tests.car.fake_picamera2 import Oddities, install


def put(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    put(root, "etc/os-release", 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    put(root, "proc/meminfo", "MemTotal:  8000000 kB\nMemAvailable:    4096000 kB\n")
    put(root, "proc/loadavg", "0.10 0.20 0.30 1/100 12345\n")
    return root


@pytest.fixture
def pi(laptop: Path) -> Path:
    put(laptop, "proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    put(laptop, "dev/i2c-1", "")
    put(laptop, "sys/class/thermal/thermal_zone0/temp", "51100\n")
    put(laptop, "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled", "0\n")
    return laptop


def by_check(lines: list[Line]) -> dict[str, Line]:
    return {line.check: line for line in lines}


def test_a_laptop_is_well_without_camera_and_servos(tmp_path: Path, laptop: Path) -> None:
    lines = by_check(report.examine(tmp_path / "car", root=laptop))
    assert {line.state for name, line in lines.items() if name not in ("runtime", "disk")} == {"ok"}
    assert lines["hardware"].words == "sim (no Raspberry Pi)"
    assert lines["camera"].words == lines["servos"].words == "simulated"
    assert "Debian GNU/Linux 12" in lines["system"].words
    assert "tflite" in lines["runtime"].words or "litert" in lines["runtime"].words
    assert "64 x 64 x 4 from 160 x 120, every 50 ms" in lines["contract"].words
    assert "power" not in lines


def test_a_pi_shows_mode_crop_and_rate_of_its_camera(tmp_path: Path, pi: Path, monkeypatch) -> None:
    fake = install(monkeypatch, Oddities())
    monkeypatch.setattr(servos.servo_board, "__defaults__", (lambda bus, address: True,))
    save_calibration(tmp_path / "car", nominal())
    lines = by_check(report.examine(tmp_path / "car", root=pi))
    assert lines["hardware"].words == "pi (Raspberry Pi 5 Model B Rev 1.0)"
    assert lines["camera"] == ok(
        "camera", "imx219, 160 x 120 at 40 Hz, sensor mode 1640 x 1232, seeing 3280 x 2460 of 3280 x 2464"
    )
    assert not fake.opened[0].is_open
    assert lines["servos"].state == lines["calibration"].state == lines["power"].state == "ok"
    assert lines["temperature"].words == "51 °C"


def test_a_pi_with_nothing_attached_fails_and_says_what_to_do(tmp_path: Path, pi: Path, monkeypatch) -> None:
    install(monkeypatch, Oddities(no_camera=True))
    (pi / "dev/i2c-1").unlink()
    lines = report.examine(tmp_path / "car", root=pi)
    failed = by_check([line for line in lines if line.state == "fail"])
    assert {"camera", "servos", "calibration"} <= failed.keys()
    assert "ribbon cable" in failed["camera"].remedy
    assert "raspi-config" in failed["servos"].remedy
    assert "calibrate" in failed["calibration"].remedy
    assert report.worst(lines) == "fail"


def test_what_the_camera_did_not_grant_is_a_warning(tmp_path: Path, pi: Path, monkeypatch) -> None:
    install(monkeypatch, Oddities(rate_hz=15.0))
    line = by_check(report.examine(tmp_path / "car", root=pi))["camera"]
    assert line.state == "warn"
    assert "it gives 15.0 frames/s, not 40.0" in line.words


def test_every_line_that_is_not_ok_has_a_remedy(tmp_path: Path, pi: Path, monkeypatch) -> None:
    install(monkeypatch, Oddities(busy=True))
    put(tmp_path, "car/settings.toml", "[drvie]\n")
    for line in report.examine(tmp_path / "car", root=pi):
        assert (line.remedy == "") == (line.state == "ok"), line
        assert "\n" not in line.words + line.remedy


@pytest.mark.parametrize(
    ("raises", "state", "words"),
    [
        (None, "fail", "nothing answers at 0x40"),
        (PermissionError(errno.EACCES, "Permission denied"), "fail", "no permission"),
        (OSError(errno.ETIMEDOUT, "Connection timed out"), "fail", "Connection timed out"),
    ],
)
def test_a_servo_board_that_does_not_answer(pi: Path, raises: OSError | None, state: str, words: str) -> None:
    def probe(bus: Path, address: int) -> bool:
        if raises:
            raise raises
        return False

    line = servos.servo_board("pi", pi, pi, probe)
    assert line.state == state
    assert words in line.words
    assert line.remedy


def test_the_probe_itself_on_what_is_no_bus(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="ioctl"):
        servos.answers(put(tmp_path, "i2c-1", ""), 0x40)


def test_an_old_calibration_is_a_warning_and_a_broken_one_a_failure(tmp_path: Path) -> None:
    save_calibration(tmp_path, nominal())
    line = servos.calibration("pi", tmp_path)
    assert line.state == "ok"
    assert "0 days old, nominal values" in line.words
    long_ago = datetime.now(UTC) - timedelta(days=200)
    save_calibration(tmp_path, nominal().model_copy(update={"date": long_ago}))
    line = servos.calibration("pi", tmp_path)
    assert line.state == "warn"
    assert "200 days old" in line.words
    path_of(tmp_path).write_text("[steering\n")
    line = servos.calibration("pi", tmp_path)
    assert line.state == "fail"
    assert "is not TOML" in line.words


def test_a_section_that_is_old_and_a_file_from_another_car(tmp_path: Path, pi: Path) -> None:
    now, car = datetime.now(UTC), measured_car()
    lens = car.lens.model_copy(update={"date": now - timedelta(days=200)})
    save_calibration(tmp_path, car.model_copy(update={"lens": lens, "car": "10000000aaaaaaaa"}))
    line = servos.calibration("pi", tmp_path, pi)
    assert line.state == "warn"
    assert "lens is older than 180 days" in line.words
    assert line.remedy == "type python manage.py calibrate camera"
    put(pi, "proc/device-tree/serial-number", "10000000bbbbbbbb\0")
    line = servos.calibration("pi", tmp_path, pi)
    assert line.state == "fail"
    assert "from another car" in line.words


def test_the_board_is_looked_for_where_the_calibration_says(pi: Path) -> None:
    chip = nominal().chip.model_copy(update={"address": 0x41, "bus": 3})
    save_calibration(pi, nominal().model_copy(update={"chip": chip}))
    put(pi, "dev/i2c-3", "")
    asked = []
    servos.servo_board("pi", pi, pi, lambda bus, address: asked.append((bus.name, address)) or True)
    assert asked == [("i2c-3", 0x41)]


@pytest.mark.parametrize(
    ("flags", "state", "words"),
    [
        ("0", "ok", "no throttling"),
        ("50000", "warn", "since it was started: its supply voltage is too low, it is throttled (flags 0x50000)"),
        ("50005", "fail", "now its supply voltage is too low, it is throttled"),
        ("80008", "fail", "now it is hot"),
        ("nonsense", "warn", "cannot be read"),
    ],
)
def test_throttling_flags(pi: Path, flags: str, state: str, words: str) -> None:
    next(pi.glob("sys/devices/platform/soc*/*/get_throttled")).write_text(flags)
    line = machine.power(pi)
    assert line.state == state
    assert words in line.words


def test_throttling_flags_by_vcgencmd_where_the_kernel_has_no_file(laptop: Path) -> None:
    put(laptop, "usr/bin/vcgencmd", "#!/bin/sh\n[ $1 = get_throttled ] && echo throttled=0x20002\n").chmod(0o755)
    line = machine.power(laptop)
    assert line.state == "fail"
    assert "its frequency is capped" in line.words


@pytest.mark.parametrize(("amount", "state"), [(10, "ok"), (9.99, "warn"), (5, "warn"), (4.99, "fail"), (0, "fail")])
def test_limits(amount: float, state: str) -> None:
    assert at_least("disk", "", amount, warn=10, fail=5, remedy="x").state == state


@pytest.mark.parametrize(("available_kib", "state"), [(307_200, "ok"), (307_199, "warn"), (153_599, "fail")])
def test_memory(laptop: Path, available_kib: int, state: str) -> None:
    put(laptop, "proc/meminfo", f"MemAvailable: {available_kib} kB\n")
    assert machine.memory(laptop).state == state


def test_a_hot_or_busy_machine(pi: Path) -> None:
    put(pi, "sys/class/thermal/thermal_zone0/temp", "75000\n")
    assert machine.temperature(pi).state == "warn"
    put(pi, "proc/loadavg", "99.0 1 1 1/1 1\n")
    assert machine.load(pi).state == "warn"


def test_an_environment_on_a_pi_must_see_the_systems_packages(tmp_path: Path) -> None:
    put(tmp_path, "pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n")
    assert machine.python("sim", tmp_path).state == "ok"
    assert machine.python("pi", tmp_path).state == "fail"
    put(tmp_path, "pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = true\n")
    assert machine.python("pi", tmp_path).state == "ok"


def test_no_model_is_a_failure_with_its_remedy() -> None:
    lines = policy.policy(UserError("there is none; type make train"))
    assert lines == [Line("model", "fail", "there is none", "type make train")]


def test_words_in_brackets_are_printed_as_they_are() -> None:
    out = io.StringIO()
    report.print_lines([Line("camera", "warn", "see [camera] rate_hz", "[bold]x")], Console(file=out, width=80))
    assert "see [camera] rate_hz" in out.getvalue()
    assert "-> [bold]x" in out.getvalue()


def test_the_command_says_it_with_its_exit_code(manage, tmp_path: Path) -> None:
    well = manage("doctor", "--json", "--car", tmp_path)
    said = json.loads(well.stdout)
    assert well.returncode == (said["state"] == "fail"), well.stderr
    assert {"hardware", "camera", "model", "disk"} <= {check["check"] for check in said["checks"]}
    ill = manage("doctor", "--car", tmp_path, "--camera", "pi")
    assert ill.returncode == 1
    assert "apt install -y python3-picamera2" in " ".join(ill.stdout.split())
    assert "Traceback" not in ill.stderr


def test_the_camera_of_a_recording_is_none_to_look_at(tmp_path: Path) -> None:
    from car.doctor.camera import camera
    from models.contract import Contract

    line = camera(CameraChoice("tub", tub=tmp_path), Contract().observation, Settings().camera)
    assert line.state == "ok"
