"""The I2C bus, the servo board's address, the calibration."""

import fcntl
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from calibration.car_file import CalibrationError, CarCalibration, load_calibration, nominal, path_of
from car.doctor.line import Line, ok
from car.hardware import Hardware

I2C_SLAVE = 0x0703  # linux/i2c-dev.h
OLD_DAYS = 180  # servos wear, and wheels get bent


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


def calibration(kind: Hardware, car: Path) -> Line:
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
    days = (datetime.now(UTC) - read.date).days
    if days > OLD_DAYS:
        remedy = "type python manage.py calibrate steering: do the wheels still stand straight?"
        return Line("calibration", "warn", f"{file} is {days} days old", remedy)
    return ok("calibration", f"{file}, {days} days old, {read.method}")


def _readable(car: Path) -> CarCalibration | None:
    try:
        return load_calibration(car)
    except CalibrationError:
        return None  # `calibration` says so
