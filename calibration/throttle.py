"""Which pulses the motor controller takes for neutral, forward and reverse, found by a person watching the wheels."""

from datetime import datetime

from calibration.car_file import CalibrationError, CarCalibration, with_found
from calibration.terminal import PulseDrivetrain, Terminal

REFUSALS = {
    "backward": "the motor controller answers backwards: forward is on the other side of neutral",
    "steering": "the servo answers on the throttle's channel {channel}: swap the two plugs, or the two numbers called "
    "channel in calibration/car.toml",
    "nothing": "nothing answers on channel {channel}: is the motor controller switched on, and its battery full?",
}


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
    way = {"f": "forward", "b": "backward", "s": "steering", "n": "nothing"}
    turns = terminal.choose(
        "What did that: the wheels turned forward (f) or backward (b), the front wheels steered (s), nothing (n)? ",
        way,
    )
    if turns != "forward":
        raise CalibrationError(f"{REFUSALS[turns].format(channel=throttle.channel)}; nothing was saved, start again")
    forward_us = terminal.find_pulse(
        "FORWARD: the fastest that this car shall ever go. Half of what it could is plenty.", start_us, drivetrain.burst
    )
    how = terminal.choose(
        "REVERSE: does the controller brake first, as most do (b), reverse at once (d), or never (n)? ",
        {"b": "brake-first", "d": "direct", "n": "never"},
    )
    if how == "never":
        reverse_us = 2 * neutral_us - forward_us  # as far on the other side: a brake
        reverse_start_us = 2 * neutral_us - start_us
    else:

        def back(pulse_us: float) -> None:
            drivetrain.burst(pulse_us, brake_first=how == "brake-first")

        reverse_start_us = terminal.find_pulse(
            "START: step to the other side of neutral until the wheels only just turn BACKWARD.", neutral_us, back
        )
        reverse_us = terminal.find_pulse("REVERSE: as fast as they shall.", reverse_start_us, back)
    found = {
        "reverse_us": reverse_us,
        "neutral_us": neutral_us,
        "forward_us": forward_us,
        "deadband_us": abs(start_us - neutral_us),
        "reverse_deadband_us": abs(reverse_start_us - neutral_us),
        "reverse": how,
    }
    return with_found(before, "throttle", found, now)
