"""The servo board's clock, from one of its pulses on a meter: cheap ones are off by percents, and so is each pulse."""

from datetime import datetime

from calibration.car_file import CalibrationError, CarCalibration, with_found
from calibration.terminal import PulseDrivetrain, Terminal

COUNTS = 4096  # of a period; NXP's data sheet of the PCA9685, 7.3.5


def calibrate_oscillator(
    before: CarCalibration, drivetrain: PulseDrivetrain, terminal: Terminal, now: datetime | None = None
) -> CarCalibration:
    """The calibration with the clock's true frequency, and all pulses renamed so that they stay what they were.

    Raises CalibrationError when the person gives up or the meter shows what no board does.
    """
    terminal.wheels_up()
    told_us = before.steering.centre_us
    drivetrain.hold(told_us)
    terminal.say(
        f"The steering's plug now has a pulse of {told_us:.0f} us, {before.chip.frequency_hz:g} times a second.\n"
        "Measure either with a scope, a servo tester, a logic analyser, or a multimeter that shows Hz."
    )
    text = terminal.answer("  what it shows, like 1463 us or 61.8 Hz > ")
    number, _, unit = text.partition(" ")
    try:
        shown = float(number.replace(",", "."))
    except ValueError:
        shown = 0.0
    old_hz = before.chip.oscillator_hz
    if shown <= 0 or unit.strip() not in ("us", "µs", "hz"):
        raise CalibrationError(f"{text!r} is neither microseconds nor Hz, like 1463 us or 61.8 Hz; nothing was saved")
    prescale = prescale_for(old_hz, before.chip.frequency_hz)
    if unit.strip() == "hz":
        oscillator_hz = shown * COUNTS * (prescale + 1)
    else:
        tick_us = (prescale + 1) / old_hz * 1e6
        oscillator_hz = old_hz * round(told_us / tick_us) * tick_us / shown
    doubt = _last_digit(number) / shown
    found = {"oscillator_hz": oscillator_hz, "oscillator_uncertainty_hz": max(doubt, 1e-4) * oscillator_hz}
    return renamed(with_found(before, "chip", found, now, "calibrate oscillator"), old_hz / oscillator_hz)


def prescale_for(oscillator_hz: float, frequency_hz: float) -> int:
    """What the chip's PRE_SCALE register gets, by its data sheet."""
    return int(oscillator_hz / COUNTS / frequency_hz + 0.5) - 1


def renamed(calibration: CarCalibration, share: float) -> CarCalibration:
    """The same pulses under their true names: each times `share`."""
    steering, throttle = calibration.steering, calibration.throttle
    return calibration.model_copy(
        update={
            "steering": steering.model_copy(
                update={
                    name: getattr(steering, name) * share
                    for name in ("left_us", "centre_us", "right_us", "uncertainty_us")
                }
            ),
            "throttle": throttle.model_copy(
                update={
                    name: value * share
                    for name in ("reverse_us", "neutral_us", "forward_us", "deadband_us", "reverse_deadband_us")
                    if (value := getattr(throttle, name)) is not None
                }
            ),
        }
    )


def _last_digit(number: str) -> float:
    """What the last digit that was typed stands for: 0.1 of 61.8."""
    _, _, decimals = number.replace(",", ".").partition(".")
    return 10.0 ** -len(decimals)
