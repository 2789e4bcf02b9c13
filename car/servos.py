"""From the car's calibration to the plain numbers that the guardian works with."""

from pathlib import Path

from calibration.car_file import CalibrationError, CarCalibration, load_calibration
from car.guardian.pulses import Servos


def servos_of(calibration: CarCalibration) -> Servos:
    """The same numbers under the guardian's names."""
    chip, steering, throttle = calibration.chip, calibration.steering, calibration.throttle
    return Servos(
        left_us=steering.left_us,
        centre_us=steering.centre_us,
        right_us=steering.right_us,
        steering_slew_per_s=steering.slew_per_s,
        reverse_us=throttle.reverse_us,
        neutral_us=throttle.neutral_us,
        forward_us=throttle.forward_us,
        deadband_us=throttle.deadband_us,
        reverse_deadband_us=throttle.reverse_deadband_us,
        throttle_slew_per_s=throttle.slew_per_s,
        reverse=throttle.reverse,
        steering_channel=steering.channel,
        throttle_channel=throttle.channel,
        oscillator_hz=chip.oscillator_hz,
        frequency_hz=chip.frequency_hz,
        bus=chip.bus,
        address=chip.address,
        output_enable_gpio=chip.output_enable_gpio,
    )


def load_servos(car: Path) -> Servos:
    """The calibrated servos of the car in this folder. Raises CalibrationError, where there is no calibration too."""
    calibration = load_calibration(car)
    if calibration is None:
        raise CalibrationError(
            f"{car} has no calibration; type  python manage.py calibrate steering  and  calibrate throttle,  or  "
            "calibrate import ~/mycar/myconfig.py  for a car that drove with donkeycar"
        )
    return servos_of(calibration)
