"""How well does a policy steer as the human in a recording did? Measured on the recording alone: the loop is open.

Every function takes one array per quantity, with one value per record, in order of index: human angles, and what the
policy steers on the record's frame and on its left-right mirror image; -1 full left to +1 full right, finite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from errors import UserError

_CONSTANT = 1e-9  # a spread, or a steering, up to this is rounding


class ScoreError(UserError):
    """A recording cannot be scored. The message is one line: the cause and the remedy."""


@dataclass(frozen=True)
class Score:
    """Of one policy on one recording. Correlations are in [-1, 1], 1 is best; a policy that never changes scores 0."""

    score: float  # the mean of clip and mirror
    clip: float  # correlation at the best lag, on the frames as recorded
    mirror: float  # the same on mirrored frames, the human angle negated
    lag_frames: tuple[int, int]  # the best lag of clip and mirror: > 0 where the policy steers later than the human
    records: int
    pieces: int
    period_s: float  # median time between records, rounded to 0.1 ms

    def __str__(self) -> str:
        return (
            f"score {self.score:.3f} (clip {self.clip:.3f} at lag {self.lag_frames[0]:+d}, mirror {self.mirror:.3f} at "
            f"lag {self.lag_frames[1]:+d}), {self.records} records in {self.pieces} pieces, {self.period_s} s apart"
        )


def stretches(timestamps_ms: Sequence[float], sessions: Sequence[str]) -> tuple[list[slice], float]:
    """Cut a recording at its gaps: the stretches between, however short, as slices of its records that leave none out,
    and the median period in seconds.

    The period is the median of the positive steps in time (0.05 s where there is none). A cut is where the time stamp
    jumps by more than max(0.5 s, 3 periods) or goes back, and where the session changes.

    Raises ValueError where lengths differ or a time stamp is not finite.
    """
    (times_ms,) = _checked(len(sessions), timestamps_ms)
    steps_ms = np.diff(times_ms)
    forward_ms = steps_ms[steps_ms > 0]
    period_s = float(np.median(forward_ms)) / 1000 if len(forward_ms) else 0.05
    gap = (steps_ms > 1000 * max(0.5, 3 * period_s)) | (steps_ms < 0)
    other_session = np.array([before != after for before, after in pairwise(sessions)], bool)
    edges = [0, *(np.flatnonzero(gap | other_session) + 1).tolist(), len(times_ms)]
    return [slice(a, b) for a, b in pairwise(edges)], period_s


def cut(timestamps_ms: Sequence[float], sessions: Sequence[str]) -> tuple[list[slice], float]:
    """The pieces of a recording that count, as slices of its records, and its median period in seconds.

    They are its `stretches` without those of fewer than 1 s / period records.

    Raises ScoreError where none is left, ValueError where lengths differ or a time stamp is not finite.
    """
    every, period_s = stretches(timestamps_ms, sessions)
    pieces = [piece for piece in every if (piece.stop - piece.start) * period_s >= 1]
    if not pieces:
        raise ScoreError("the recording has no stretch of 1 s without a gap; record a longer drive")
    return pieces, period_s


def score_steering(
    human: np.ndarray,
    steering: np.ndarray,
    mirrored: np.ndarray,
    timestamps_ms: Sequence[float],
    sessions: Sequence[str],
) -> Score:
    """Score a policy's steering on the frames, and on the mirrored frames, against the human angles.

    Human and policy become centred means over 0.25 s (an odd number of frames, at least 3), within each piece of
    `cut`. r(lag) is their Pearson correlation over all pieces together, the policy's taken lag frames later; the pass's
    figure is the largest for lags within 0.3 s (at least 1 frame) either way, 0 where either never changes. There are
    two passes: the clip, and its mirror image (mirrored frames, human angle negated).

    Raises ScoreError where no piece is long enough, ValueError where lengths differ or a value is not finite.
    """
    human, steering, mirrored = _checked(len(timestamps_ms), human, steering, mirrored)
    pieces, period_s = cut(timestamps_ms, sessions)
    clip, clip_lag = _best_correlation(human, steering, pieces, period_s)
    mirror, mirror_lag = _best_correlation(-human, mirrored, pieces, period_s)
    return Score(
        score=(clip + mirror) / 2,
        clip=clip,
        mirror=mirror,
        lag_frames=(clip_lag, mirror_lag),
        records=len(human),
        pieces=len(pieces),
        period_s=round(period_s, 4),
    )


def mirror_consistency(steering: np.ndarray, mirrored: np.ndarray) -> float:
    """Pearson correlation, over all records, of the steering and minus the steering on mirrored frames.

    1 for a policy that takes left and right alike; 0 where either is constant. Raises ValueError as score_steering.
    """
    steering, mirrored = _checked(len(steering), steering, mirrored)
    return _correlation(steering, -mirrored) if _varies(steering) and _varies(mirrored) else 0.0


def flips_per_second(steering: np.ndarray, timestamps_ms: Sequence[float], sessions: Sequence[str]) -> float:
    """How often the policy's steering changes sign, in 1/s.

    Within each piece of `cut`, records that steer exactly 0 are left out, then neighbours of opposite sign are counted;
    divided by the records of all pieces times the median period. Raises as score_steering.
    """
    (steering,) = _checked(len(timestamps_ms), steering)
    pieces, period_s = cut(timestamps_ms, sessions)
    signs = [np.sign(steering[piece]) for piece in pieces]
    flips = sum(int(np.count_nonzero(np.diff(one[one != 0]))) for one in signs)
    return flips / (sum(map(len, signs)) * period_s)


def sign_agreement_in_bends(
    human: np.ndarray, steering: np.ndarray, timestamps_ms: Sequence[float], sessions: Sequence[str]
) -> float:
    """The share, in [0, 1], of the moments in bends in which the policy steers to the side the human does.

    Both are smoothed as in score_steering, within each piece, without lag. A bend is where the human's magnitude is
    beyond half of the largest of all pieces. A policy that steers 0 there (within 1e-9) does not agree. 0 where the
    human never steers. Raises as score_steering.
    """
    human, steering = _checked(len(timestamps_ms), human, steering)
    pieces, period_s = cut(timestamps_ms, sessions)
    smooth_human = np.concatenate([smooth(human[piece], period_s) for piece in pieces])
    smooth_policy = np.concatenate([smooth(steering[piece], period_s) for piece in pieces])
    largest = np.abs(smooth_human).max()
    if largest <= _CONSTANT:
        return 0.0
    bend = np.abs(smooth_human) > largest / 2
    return float((np.sign(smooth_human[bend]) * smooth_policy[bend] > _CONSTANT).mean())


def smooth(values: np.ndarray, period_s: float, over_s: float = 0.25) -> np.ndarray:
    """Centred means over so many seconds, as many as there are values; beyond the ends the outermost value goes on."""
    frames = max(3, round(over_s / period_s)) | 1  # odd: the next one up
    return np.convolve(np.pad(values, frames // 2, mode="edge"), np.ones(frames) / frames, "valid")


def _checked(length: int, *arrays: Sequence[float] | np.ndarray) -> list[np.ndarray]:
    checked = [np.asarray(array, float) for array in arrays]
    if any(array.shape != (length,) or not np.isfinite(array).all() for array in checked):
        raise ValueError(f"every array must hold {length} finite numbers, one per record")
    return checked


def _best_correlation(human: np.ndarray, policy: np.ndarray, pieces: list[slice], period_s: float) -> tuple[float, int]:
    """The largest correlation of the smoothed curves, and its lag in frames."""
    most = max(1, round(0.3 / period_s))
    curves = [(smooth(human[piece], period_s), smooth(policy[piece], period_s)) for piece in pieces]
    # Each piece loses `most` frames at both ends, whatever the lag: every lag is judged on the same human moments.
    still = np.concatenate([theirs[most : len(theirs) - most] for theirs, _ in curves])
    found = []
    for lag in range(-most, most + 1):
        shifted = np.concatenate([ours[most + lag : len(ours) - most + lag] for _, ours in curves])
        if _varies(still) and _varies(shifted):
            found.append((_correlation(still, shifted), lag))
    return max(found, default=(0.0, 0))


def _varies(values: np.ndarray) -> bool:
    return len(values) > 0 and bool(values.std() > _CONSTANT)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])
