"""`calibrate latency`: how long after a command the picture turns. The car weaves, or somebody drove it; the commands,
late by a delay and smoothed by a servo's lag, are laid over the picture's turning, and the best fit tells both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Protocol

import numpy as np

from calibration.car_file import CalibrationError, CarCalibration, with_found
from calibration.image_motion import deviation, turning, without_spikes
from calibration.terminal import Terminal
from models.score import cut, smooth
from storage.tub import Tub

LONGEST_S, COARSE_S, FINE_S = 0.5, 0.025, 0.005  # of the delays that are tried: first coarsely, then near the best
LAGS_S = tuple(np.arange(0.03, 0.2, 0.02).tolist())  # of servos, time constants: none turns 60 degrees in 0.05 s
USUAL_LAG_S, TELLS = 0.07, 0.002  # 0.16 s for 60 degrees; taken unless another's correlation is higher by so much
FITS, BEYOND = 4, 4.0  # between which shifts so many standard deviations from what was told are left out
LEAST_CORRELATION = 0.6  # less, and the picture does not follow the commands
PARTS = 4  # of the recording, fitted on their own, for the uncertainty
SEED, WEAVE_S = 0, 16.0
LITTLE, MUCH = 0.25, 0.75  # of full lock: always round the same circle, whatever its size, and never so fast that a
# narrow lens sees too little of one frame in the next
BETWEEN_S = 1.0  # two pieces of a recording
CONSTANT = 1e-9  # a spread up to this is rounding


@dataclass(frozen=True)
class Weave:
    """What was told and what was seen, by one clock. command_s, steering: (c,), each command and when it was given;
    frame_s, turned: (f,), each frame's time and how far the picture had turned since the one before (image_motion).
    pieces: of the frames, without a gap. loop_s: from a frame's stamp to its command, mean; None where unknown."""

    command_s: np.ndarray
    steering: np.ndarray
    frame_s: np.ndarray
    turned: np.ndarray
    pieces: tuple[slice, ...]
    loop_s: float | None = None


@dataclass(frozen=True)
class Delay:
    """The best fit. correlation: of the smoothed commands with the picture's smoothed turning."""

    delay_s: float
    lag_s: float
    correlation: float


class WeavingDrivetrain(Protocol):
    """What drives on the floor and looks. Whatever happens, its owner brings the throttle to neutral afterwards."""

    def weave(self, plan: Sequence[tuple[float, float]]) -> Weave:
        """Drive a list of (seconds, steering) at a constant throttle, then neutral."""


def weaving_plan(duration_s: float = WEAVE_S) -> list[tuple[float, float]]:
    """Round a circle to the right, narrower and wider, with changes at random moments."""
    rng = np.random.default_rng(SEED)
    plan: list[tuple[float, float]] = []
    left_s, much = duration_s, False
    while left_s > 0:
        hold_s = min(left_s, float(rng.uniform(0.25, 0.9)))
        plan.append((hold_s, MUCH if much else LITTLE))
        left_s, much = left_s - hold_s, not much
    return plan


def calibrate_latency(
    before: CarCalibration, drivetrain: WeavingDrivetrain, terminal: Terminal, now: datetime | None = None
) -> CarCalibration:
    """The calibration with the latency. Raises CalibrationError when the person gives up or the picture does not
    follow the commands."""
    terminal.on_the_floor("4 x 4 m, most of it to its right,")
    terminal.say(f"It goes round to the right for {WEAVE_S:.0f} seconds, beginning from where it stands.")
    return with_latency(before, drivetrain.weave(weaving_plan()), "calibrate latency", now)


def with_latency(before: CarCalibration, weave: Weave, method: str, now: datetime | None = None) -> CarCalibration:
    """The calibration with what a drive shows. Raises CalibrationError where the picture does not follow."""
    found = fit_delay(weave)
    if found.correlation < LEAST_CORRELATION:
        raise CalibrationError(refusal(weave, found))
    ends = np.linspace(0, len(weave.frame_s), PARTS + 1).astype(int)
    parts = [fit_delay(weave, first, last) for first, last in pairwise(ends)]
    usable = [part for part in parts if part.correlation > LEAST_CORRELATION / 2] or [found]
    period_s = float(np.median(np.diff(weave.frame_s)))
    of_mean = 2 / np.sqrt(len(usable))
    section = {
        "latency_s": found.delay_s,
        "latency_uncertainty_s": max(0.005, of_mean * float(np.std([part.delay_s for part in usable])), period_s / 4),
        "servo_lag_s": found.lag_s,
        "servo_lag_uncertainty_s": max(0.02, of_mean * float(np.std([part.lag_s for part in usable]))),
        "loop_s": weave.loop_s,
        "correlation": found.correlation,
    }
    return with_found(before, "latency", section, now, method)


def refusal(weave: Weave, found: Delay) -> str:
    """Why the picture does not follow the commands, in one line."""
    mirrored = fit_delay(Weave(weave.command_s, -weave.steering, weave.frame_s, weave.turned, weave.pieces))
    if mirrored.correlation > LEAST_CORRELATION:
        return (
            "the picture turns the other way than the car was told: left and right are swapped (calibrate steering), "
            "the motor controller answers backwards (calibrate throttle), or the camera is mirrored; nothing was saved"
        )
    return (
        f"the picture does not follow the commands (correlation {found.correlation:.2f}, not {LEAST_CORRELATION}): "
        "did the car move? Is there anything to see but a bare floor? Nothing was saved"
    )


def fit_delay(weave: Weave, first: int = 0, last: int | None = None) -> Delay:
    """The delay and lag whose commands correlate best with the turning; of the frames first .. last alone."""
    kept = range(*slice(first, last).indices(len(weave.frame_s)))
    pieces = [np.arange(piece.start, piece.stop) for piece in weave.pieces]
    pieces = [piece[(piece >= kept.start) & (piece < kept.stop)] for piece in pieces]
    period_s = float(np.median(np.diff(weave.frame_s)))
    pieces = [piece for piece in pieces if len(piece) * period_s >= 1]
    time_s, followed = _followed(weave)
    turned, found = without_spikes(weave.turned), Delay(0.0, USUAL_LAG_S, 0.0)
    for _ in range(FITS):
        of_use = [piece for piece in pieces if np.isfinite(turned[piece]).any()]
        if not of_use:
            return Delay(0.0, USUAL_LAG_S, 0.0)
        found = _best(weave.frame_s, turned, of_use, time_s, followed)
        told = np.interp(weave.frame_s - found.delay_s, time_s, followed[LAGS_S.index(found.lag_s)])
        turned = _explained(weave.turned, np.diff(told, prepend=told[0]), np.concatenate(of_use))
    return found


def _best(
    frame_s: np.ndarray, turned: np.ndarray, pieces: list[np.ndarray], time_s: np.ndarray, followed: np.ndarray
) -> Delay:
    """The best fit of these pieces: first coarsely, then near the best."""
    period_s = float(np.median(np.diff(frame_s)))
    seen = np.concatenate([smooth(_filled(turned[piece])[1:], period_s) for piece in pieces])

    def best(delays_s: np.ndarray) -> Delay:
        found = []
        for lag_s, would_turn in zip(LAGS_S, followed, strict=True):
            for delay_s in delays_s:
                at = np.interp(frame_s - delay_s, time_s, would_turn)  # how far, by each frame
                told = np.concatenate([smooth(np.diff(at[piece]), period_s) for piece in pieces])
                if told.std() > CONSTANT and seen.std() > CONSTANT:
                    found.append(Delay(float(delay_s), lag_s, float(np.corrcoef(told, seen)[0, 1])))
        if not found:
            return Delay(0.0, USUAL_LAG_S, 0.0)
        # A slow servo soon and a fast one late turn a car nearly alike: noise shall not choose between them.
        most = max(one.correlation for one in found) - TELLS
        lag_s = min((one.lag_s for one in found if one.correlation >= most), key=lambda lag: abs(lag - USUAL_LAG_S))
        return max((one for one in found if one.lag_s == lag_s), key=lambda one: one.correlation)

    near_s = best(np.arange(0, LONGEST_S, COARSE_S)).delay_s
    return best(np.arange(max(0.0, near_s - COARSE_S), near_s + COARSE_S, FINE_S))


def _explained(turned: np.ndarray, told: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The turning without what is far from a straight line over what was told: something passed before the lens."""
    good = frames[np.isfinite(turned[frames])]
    gain, offset = np.polyfit(told[good], turned[good], 1)
    away = np.abs(turned - gain * told - offset)
    return np.where(away > BEYOND * deviation(away[good]), np.nan, turned)


def _followed(weave: Weave) -> tuple[np.ndarray, np.ndarray]:
    """A fine clock, (n,), and how far wheels with each of LAGS_S would have turned the car until then, (lags, n), in
    any unit."""
    step_s = 0.005
    time_s = np.arange(weave.command_s[0] - 1.0, weave.frame_s[-1] + step_s, step_s)
    command = np.searchsorted(weave.command_s, time_s, side="right") - 1
    told = np.where(command < 0, 0.0, weave.steering[command])
    share, stands = 1 - np.exp(-step_s / np.array(LAGS_S)), np.zeros(len(LAGS_S))
    wheels = np.empty((len(told), len(LAGS_S)))
    for index, one in enumerate(told.tolist()):
        stands += share * (one - stands)
        wheels[index] = stands
    return time_s, np.cumsum(wheels, axis=0).T


def _filled(turned: np.ndarray) -> np.ndarray:
    """Rejected shifts replaced by the line between their neighbours."""
    good = np.isfinite(turned)
    return np.interp(np.arange(len(turned)), np.flatnonzero(good), turned[good])


def weave_of(tub: Tub) -> Weave:
    """A person's drive. A record's time stamp counts for its frame and for its command. Raises TubError, ScoreError,
    CalibrationError where nobody's steering was recorded."""
    pairs = [(record, frame) for record, frame in tub.images() if record.angle is not None]
    if not pairs:
        raise CalibrationError(f"{tub.path}: no record has a human angle (user/angle); name a tub that a person drove")
    records = [record for record, _ in pairs]
    pieces, _ = cut([record.timestamp_ms for record in records], [record.session_id for record in records])
    turned = turning(frame for _, frame in pairs)
    # One piece after the other, whatever the clock did between them.
    time_s: list[float] = []
    slices, shifts, steering = [], [], []
    for piece in pieces:
        began_ms, before_s = records[piece.start].timestamp_ms, time_s[-1] + BETWEEN_S if time_s else 0.0
        slices.append(slice(len(time_s), len(time_s) + piece.stop - piece.start))
        time_s += [before_s + (record.timestamp_ms - began_ms) / 1000 for record in records[piece]]
        steering += [record.angle for record in records[piece]]
        shifts += turned[piece].tolist()
    clock_s = np.array(time_s)
    return Weave(clock_s, np.array(steering, float), clock_s, np.array(shifts), tuple(slices))
