"""Where the servo's left, centre and right are, found by a person who watches the wheels."""

from datetime import datetime

from calibration.car_file import CalibrationError, CarCalibration, with_found
from calibration.terminal import PulseDrivetrain, Terminal

WIGGLE_US = 100.0  # seen by anyone, and not the end of any servo
UNCERTAINTY_US = 20.0  # of a centre found by eye: two steps


def calibrate_steering(
    before: CarCalibration, drivetrain: PulseDrivetrain, terminal: Terminal, now: datetime | None = None
) -> CarCalibration:
    """The calibration with new steering. Raises CalibrationError when the person gives up or it makes no sense."""
    terminal.wheels_up()
    steering = before.steering
    drivetrain.hold(steering.centre_us + WIGGLE_US)
    drivetrain.hold(steering.centre_us)
    moved = {"w": "wheels", "m": "motor", "n": "nothing"}
    what = terminal.choose("What moved: the front wheels to a side (w), the motor (m), nothing (n)? ", moved)
    if what == "motor":
        raise CalibrationError(
            f"the motor answers on the steering's channel {steering.channel}: swap the two plugs, or the two numbers "
            "called channel in calibration/car.toml; nothing was saved"
        )
    if what == "nothing":
        raise CalibrationError(
            f"nothing answers on channel {steering.channel}: check the servo's plug and its power; nothing was saved"
        )
    centre_us = terminal.find_pulse("CENTRE: the car shall roll straight ahead.", steering.centre_us, drivetrain.hold)
    left_us = terminal.find_pulse(
        "LEFT: as far as the wheels go. A servo that hums is too far: take a step back.", centre_us, drivetrain.hold
    )
    drivetrain.hold(centre_us)
    right_us = terminal.find_pulse("RIGHT: the same.", centre_us, drivetrain.hold)
    drivetrain.hold(centre_us)
    found = {"left_us": left_us, "centre_us": centre_us, "right_us": right_us, "uncertainty_us": UNCERTAINTY_US}
    return with_found(before, "steering", found, now)
