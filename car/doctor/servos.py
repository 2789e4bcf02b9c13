"""The I2C bus, the servo board's address, the calibration."""

import fcntl
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from calibration.car_file import (
    SECTIONS,
    CalibrationError,
    CarCalibration,
    load_calibration,
    made_on,
    nominal,
    path_of,
)
from car.doctor.line import Line, ok
from car.hardware import Hardware, serial_number

I2C_SLAVE = 0x0703  # linux/i2c-dev.h
OLD_DAYS = 180  # servos wear, and wheels get bent
TYPE = "type python manage.py calibrate"
COMMANDS = {"chip": "oscillator", "lens": "camera", "pose": "camera"}  # that find a section; else those of its name


def answers(bus: Path, address: int) -> bool:
    """Does a chip acknowledge this address? Reads one byte and writes none. Raises OSError where the bus fails.

    A guardian that drives meanwhile is not disturbed: the kernel takes turns, and it names its register each time.
    """
    descriptor = os.open(bus, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, I2C_SLAVE, address)
        os.read(descriptor, 1)
    except OSError as error:
        if error.strerror and error.errno in (6, 121):  # ENXIO, EREMOTEIO: nobody acknowledged
            return False
        raise
    finally:
        os.close(descriptor)
    return True


def servo_board(kind: Hardware, car: Path, root: Path, probe: Callable[[Path, int], bool] = answers) -> Line:
    """The PCA9685 where the calibration says it is, else where it is as it comes."""
    if kind == "sim":
        return ok("servos", "simulated")
    chip = (_readable(car) or nominal()).chip
    bus = root / f"dev/i2c-{chip.bus}"
    if not bus.exists():
        return Line("servos", "fail", f"there is no {bus}", "type sudo raspi-config nonint do_i2c 0, then reboot")
    try:
        if probe(bus, chip.address):
            return ok("servos", f"a board answers at {chip.address:#x} on {bus}")
    except PermissionError:
        return Line("servos", "fail", f"no permission for {bus}", "type sudo adduser $USER i2c, then log in again")
    except OSError as error:
        return Line("servos", "fail", f"{bus} fails: {error.strerror}", "check the wires SDA and SCL, then reboot")
    return Line(
        "servos",
        "fail",
        f"nothing answers at {chip.address:#x} on {bus}",
        f"check the board's four wires and its power; i2cdetect -y {chip.bus} shows who answers",
    )


def calibration(kind: Hardware, car: Path, root: Path = Path("/")) -> Line:
    """That there is one, how it was made, and its age."""
    file = path_of(car)
    try:
        read = load_calibration(car)
    except CalibrationError as error:
        return Line("calibration", "fail", str(error), "mend it, or type python manage.py calibrate steering")
    if read is None:
        if kind == "sim":
            return ok("calibration", "none needed: the car is simulated")
        return Line(
            "calibration",
            "fail",
            f"there is no {file}",
            "type python manage.py calibrate steering, then throttle; or calibrate import ~/mycar/myconfig.py",
        )
    if not made_on(read, serial_number(root)):
        words = f"{file} is from another car: its Raspberry Pi is {read.car}"
        return Line("calibration", "fail", words, f"move it away, and {TYPE} steering")
    return _aged(read, file)


def _aged(read: CarCalibration, file: Path) -> Line:
    now = datetime.now(UTC)
    days = (now - read.date).days
    if days > OLD_DAYS:
        return Line(
            "calibration", "warn", f"{file} is {days} days old", f"{TYPE} steering: do the wheels stand straight?"
        )
    sections = {name: section.date for name in SECTIONS if (section := getattr(read, name)) and section.date}
    if old := [name for name, date in sections.items() if (now - date).days > OLD_DAYS]:
        words = f"in {file} {', '.join(old)} {'is' if len(old) == 1 else 'are'} older than {OLD_DAYS} days"
        return Line("calibration", "warn", words, f"{TYPE} {COMMANDS.get(old[0], old[0])}")
    return ok("calibration", f"{file}, {days} days old, {read.method}")


def _readable(car: Path) -> CarCalibration | None:
    try:
        return load_calibration(car)
    except CalibrationError:
        return None  # `calibration` says so
