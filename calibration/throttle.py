"""Which pulses the motor controller takes for neutral, forward and reverse, found by a person watching the wheels."""

from datetime import datetime

from calibration.car_file import CalibrationError, CarCalibration, with_found
from calibration.terminal import PulseDrivetrain, Terminal


def calibrate_throttle(
    before: CarCalibration, drivetrain: PulseDrivetrain, terminal: Terminal, now: datetime | None = None
) -> CarCalibration:
    """The calibration with a new throttle. Raises CalibrationError when the person gives up or it makes no sense.

    Every pulse lasts for half a second at most; the guardian sees to that.
    """
    terminal.wheels_up()
    throttle = before.throttle
    terminal.say("Switch the motor controller on now: it takes the pulse that stands for its neutral.")
    neutral_us = terminal.find_pulse(
        "NEUTRAL: the motor neither turns nor hums.", throttle.neutral_us, drivetrain.burst
    )
    start_us = terminal.find_pulse(
        "START: step away from neutral until the wheels only just turn FORWARD.", neutral_us, drivetrain.burst
    )
    forward_us = terminal.find_pulse(
        "FORWARD: the fastest that this car shall ever go. Half of what it could is plenty.", start_us, drivetrain.burst
    )
    reverse = terminal.answer(
        "REVERSE: does the controller brake first, as most do (b), reverse at once (d), or never (n)? "
    )
    how = {"b": "brake-first", "d": "direct", "n": "never"}.get(reverse[:1])
    if how is None:
        raise CalibrationError("that was none of b, d and n; nothing was saved, start again")
    if how == "never":
        reverse_us = 2 * neutral_us - forward_us  # as far on the other side: a brake
    else:
        reverse_us = terminal.find_pulse(
            "REVERSE: step to the other side of neutral, until the wheels turn backward as fast as they shall.",
            neutral_us,
            lambda pulse_us: drivetrain.burst(pulse_us, brake_first=how == "brake-first"),
        )
    found = {
        "reverse_us": reverse_us,
        "neutral_us": neutral_us,
        "forward_us": forward_us,
        "deadband_us": max(0.0, abs(start_us - neutral_us)),
        "reverse": how,
    }
    return with_found(before, "throttle", found, now)
