"""`calibrate vehicle`: a tape measure, a straight run, two circles; from them the bicycle that drives as the car does.

The kinematic bicycle of R. Rajamani, Vehicle Dynamics and Control, section 2.2: where the middle of the rear axle goes
round a circle of radius R, the front wheels stand at atan(wheelbase / R).
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import numpy as np

from calibration.car_file import CalibrationError, CarCalibration, with_found
from calibration.terminal import GO_ON, Terminal, as_metres

RUNS_S = (1.0, 2.0)  # of one throttle: the difference is free of starting and rolling out
SHARES = (0.7, 1.0)  # of the throttle's cap
BURST_S, BURST_WHEELBASES = 0.5, 0.8  # of a circle at a time, at most: a twelfth of it where wheels turn by 30 degrees
TAPE_M = 0.01  # how well a tape tells where a car stands, 95 %
RULER_M = 0.002  # how well it tells a wheelbase
MOST_SIDEWAYS = 0.5  # of the distance: more is no straight run
LEAST_LOCK_DEG, MOST_LOCK_DEG = 5.0, 50.0


class FloorDrivetrain(Protocol):
    """What drives on the floor. Whatever happens, its owner brings the throttle to neutral afterwards."""

    cap: float  # the most throttle it gives

    def drive(self, steering: float, throttle: float, duration_s: float) -> None:
        """Under this command for so long, then neutral; returns when the car stands."""


def calibrate_vehicle(
    before: CarCalibration, drivetrain: FloorDrivetrain, terminal: Terminal, now: datetime | None = None
) -> CarCalibration:
    """The calibration with the vehicle, and with the steering's centre put where the car rolls straight.

    Raises CalibrationError when the person gives up or the figures make no car.
    """
    terminal.say("A tape measure, and marks on the floor: everything in metres, like 0.42; q gives up.")
    wheelbase_m = terminal.measure("  WHEELBASE: from the front axle to the rear axle > ", 0.05, 0.9)
    terminal.on_the_floor("4 m ahead, and 1.5 m to each side")
    speeds, bend_per_m = _straight_runs(drivetrain, terminal)
    burst_s = min(BURST_S, BURST_WHEELBASES * wheelbase_m / speeds[0][1])
    left_m, right_m = (_circle(drivetrain, terminal, side, burst_s) for side in ("left", "right"))
    locks_deg = [math.degrees(math.atan(2 * wheelbase_m / across_m)) for across_m in (left_m, right_m)]
    for side, across_m, lock_deg in zip(("left", "right"), (left_m, right_m), locks_deg, strict=True):
        if not LEAST_LOCK_DEG < lock_deg < MOST_LOCK_DEG:
            raise CalibrationError(
                f"a circle of {across_m:g} m to the {side} with a wheelbase of {wheelbase_m:g} m needs wheels at "
                f"{lock_deg:.0f} degrees, which no car has; measure both again; nothing was saved"
            )
    throttles, rates = np.array(speeds).T
    top_m_s = float(throttles @ rates / (throttles @ throttles))
    tape = math.hypot(TAPE_M, TAPE_M) / (RUNS_S[1] - RUNS_S[0]) / throttles[-1]
    found = {
        "wheelbase_m": wheelbase_m,
        "wheelbase_uncertainty_m": RULER_M,
        "left_lock_deg": locks_deg[0],
        "right_lock_deg": locks_deg[1],
        "lock_uncertainty_deg": max(_lock_uncertainty_deg(wheelbase_m, across_m) for across_m in (left_m, right_m)),
        "speeds": tuple(speeds),
        "top_speed_m_s": top_m_s,
        "top_speed_uncertainty_m_s": float(max(tape, 2 * np.std(rates / throttles))),
    }
    after = with_found(before, "vehicle", found, now)
    return _straightened(after, math.atan(wheelbase_m * bend_per_m), locks_deg, now)


def _straight_runs(drivetrain: FloorDrivetrain, terminal: Terminal) -> tuple[list[tuple[float, float]], float]:
    """Throttle and speed pairs; and how much the car bends to the right at steering 0, 1 / m."""
    terminal.say(
        "STRAIGHT RUNS. Mark the floor below the middle of the rear axle and lay the tape ahead from there, in line\n"
        "with the car. Measure how far ahead of the mark it then stands, and how far it has come off the tape."
    )
    speeds, bends = [], []
    for share in SHARES:
        throttle, driven_m = share * drivetrain.cap, []
        for duration_s in RUNS_S:
            terminal.answer(
                f"  throttle {throttle:.2f} for {duration_s:g} s: the car on its mark, then Enter > ", GO_ON
            )
            drivetrain.drive(0.0, throttle, duration_s)
            ahead_m = terminal.measure("    ahead, in metres > ", 0.0, 30.0)
            if ahead_m < 0.05:
                raise CalibrationError(
                    "the car hardly moved: raise [drive] throttle_cap in settings.toml a little; or if it drove "
                    "backward, type calibrate throttle: the motor controller answers backwards; nothing was saved"
                )
            aside_m = terminal.measure("    to the right of the tape, - is to the left, in metres > ", -15.0, 15.0)
            if abs(aside_m) > MOST_SIDEWAYS * ahead_m:
                raise CalibrationError(
                    "that was no straight run: first find the steering's centre, calibrate steering; nothing was saved"
                )
            driven_m.append(math.hypot(ahead_m, aside_m))
            bends.append((2 * aside_m / (ahead_m**2 + aside_m**2), ahead_m**2))  # a circle through both marks
        if driven_m[1] <= driven_m[0]:
            raise CalibrationError(
                f"{RUNS_S[1]:g} s took the car no further than {RUNS_S[0]:g} s; measure again; nothing was saved"
            )
        speeds.append((throttle, (driven_m[1] - driven_m[0]) / (RUNS_S[1] - RUNS_S[0])))
    return speeds, float(np.average([bend for bend, _ in bends], weights=[weight**2 for _, weight in bends]))


def _circle(drivetrain: FloorDrivetrain, terminal: Terminal, side: str, burst_s: float) -> float:
    """Its diameter in metres, that of the middle of the rear axle."""
    steering = -1.0 if side == "left" else 1.0
    throttle = SHARES[0] * drivetrain.cap
    terminal.say(f"FULL LOCK {side.upper()}, in short bursts, round more than half a circle.")
    terminal.answer("  Enter drives the first one > ", GO_ON)
    drivetrain.drive(steering, throttle, burst_s)
    if terminal.choose("    did it turn to the left (l) or to the right (r)? ", {"l": "left", "r": "right"}) != side:
        raise CalibrationError(
            f"told to turn {side}, the car turns the other way: left and right are swapped; type calibrate steering; "
            "nothing was saved"
        )
    terminal.say(
        "    Mark the floor below the middle of the rear axle: the circle begins there. Measure how far from the mark\n"
        "    that axle stands after each burst, until it comes nearer again."
    )
    again = "  Enter drives on; once it came nearer, how far from the mark was it at most? > "
    while not (text := terminal.answer(again, GO_ON)):
        drivetrain.drive(steering, throttle, burst_s)
    return as_metres(text, 0.1, 20.0)


def _lock_uncertainty_deg(wheelbase_m: float, across_m: float) -> float:
    """Of atan(2 wheelbase / diameter), by the errors of both."""
    ratio = 2 * wheelbase_m / across_m
    share = math.hypot(RULER_M / wheelbase_m, TAPE_M / across_m)
    return math.degrees(ratio / (1 + ratio * ratio) * share)


def _straightened(
    calibration: CarCalibration, wheels_rad: float, locks_deg: Sequence[float], now: datetime | None
) -> CarCalibration:
    """The steering's centre moved so that wheels which stood wheels_rad to the right, + is right, stand straight."""
    steering = calibration.steering
    too_far = math.degrees(wheels_rad) / (locks_deg[1] if wheels_rad < 0 else locks_deg[0])  # towards the other side
    end_us = steering.right_us if wheels_rad < 0 else steering.left_us
    centre_us = steering.centre_us + abs(too_far) * (end_us - steering.centre_us)
    tape = math.degrees(2 * TAPE_M / 2**2 * calibration.vehicle.wheelbase_m) if calibration.vehicle else 0.0
    span_us = min(abs(end_us - steering.centre_us) for end_us in (steering.left_us, steering.right_us))
    found = {"centre_us": centre_us, "uncertainty_us": max(2.5, tape / min(locks_deg) * span_us)}
    return with_found(calibration, "steering", found, now, "calibrate vehicle")
