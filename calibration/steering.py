"""Where the servo's left, centre and right are, found by a person who watches the wheels."""

from datetime import datetime

from calibration.car_file import CarCalibration, with_found
from calibration.terminal import PulseDrivetrain, Terminal


def calibrate_steering(
    before: CarCalibration, drivetrain: PulseDrivetrain, terminal: Terminal, now: datetime | None = None
) -> CarCalibration:
    """The calibration with new steering. Raises CalibrationError when the person gives up or it makes no sense."""
    terminal.wheels_up()
    steering = before.steering
    centre_us = terminal.find_pulse("CENTRE: the car shall roll straight ahead.", steering.centre_us, drivetrain.hold)
    left_us = terminal.find_pulse(
        "LEFT: as far as the wheels go. A servo that hums is too far: take a step back.", centre_us, drivetrain.hold
    )
    drivetrain.hold(centre_us)
    right_us = terminal.find_pulse("RIGHT: the same.", centre_us, drivetrain.hold)
    drivetrain.hold(centre_us)
    return with_found(before, "steering", {"left_us": left_us, "centre_us": centre_us, "right_us": right_us}, now)
