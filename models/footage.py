"""A policy on a recording: what it steers on each frame and on its mirror image, and how alike the human steered.

The frames go the way they go in the car, through the same observation and the same decision; nothing is trained on.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from models.contract import Contract, ObservationSpec
from models.decision import decide
from models.observation import Observer
from models.runtime import TFLitePolicy
from models.score import (
    Score,
    ScoreError,
    flips_per_second,
    mirror_consistency,
    score_steering,
    sign_agreement_in_bends,
    stretches,
)
from storage.tub import Record, Tub

BY_HAND = (None, "user")  # modes in which a human had the steering; the oldest tubs name none


@dataclass(frozen=True)
class Clip:
    """A recording and what a policy steers on it. Arrays of (records,), -1 full left to +1 full right."""

    tub: Tub
    records: tuple[Record, ...]  # those with a human angle and a frame that can be read
    human: np.ndarray
    steering: np.ndarray  # the policy's
    mirrored: np.ndarray  # the policy's on the mirrored frames
    without_angle: int  # records left out: readable, but nobody's steering is known
    broken: int  # records left out: their frame is missing or cannot be read

    @property
    def timestamps_ms(self) -> list[float]:
        return [record.timestamp_ms for record in self.records]

    @property
    def sessions(self) -> list[str]:
        return [record.session_id for record in self.records]


@dataclass(frozen=True)
class ClipScore:
    """Of one policy on one clip; models/score.py says what each figure means."""

    tub: str  # its path
    score: Score
    mirror_consistency: float
    flips_per_second: float
    sign_agreement: float
    without_angle: int
    broken: int

    @property
    def lag_s(self) -> tuple[float, float]:
        """The best lag of clip and mirror: > 0 where the policy steers later than the human."""
        clip, mirror = self.score.lag_frames
        return clip * self.score.period_s, mirror * self.score.period_s

    def as_json(self) -> dict[str, object]:
        return asdict(self) | asdict(self.score) | {"lag_s": self.lag_s}


def fit(frame: np.ndarray, spec: ObservationSpec) -> np.ndarray:
    """A recorded frame in the size of the contract's camera: RGB uint8 (h, w, 3) -> (frame_height, frame_width, 3)."""
    return cv2.resize(frame, (spec.frame_width, spec.frame_height), interpolation=cv2.INTER_AREA)


def steer_through(
    policy: TFLitePolicy,
    contract: Contract,
    tub: Tub,
    tick: Callable[[], object] = lambda: None,
    *,
    still: bool = False,
) -> Clip:
    """Show the policy every record with a human angle and a readable frame; `tick` is called after each.

    still: each frame fills the whole stack, so that nothing in it moves, and the turning of the car, which is the
    human's steering, cannot be seen.

    At a cut (models.score.stretches) it starts anew: an empty stack, wheels ahead. Between control periods its last
    command is held, as in the car.
    Raises ScoreError where no record has a human angle, TubError where no frame can be read.
    """
    readable = [record for record, _ in tub.images()]
    records = tuple(record for record in readable if record.angle is not None and record.mode in BY_HAND)
    if not records:
        raise ScoreError(
            f"{tub.path}: none of its {len(tub.records)} records has a human angle (user/angle); "
            "name a tub that a person drove"
        )
    pieces, _ = stretches([record.timestamp_ms for record in records], [record.session_id for record in records])
    as_recorded, in_the_mirror = _Pilot(policy, contract, still), _Pilot(policy, contract, still)
    steering, mirrored = [], []
    for piece in pieces:
        as_recorded.start_anew()
        in_the_mirror.start_anew()
        for record in records[piece]:
            frame, t_ns = fit(tub.image(record), contract.observation), int(record.timestamp_ms * 1e6)
            steering.append(as_recorded.steer(frame, t_ns))
            mirrored.append(in_the_mirror.steer(cv2.flip(frame, 1), t_ns))
            tick()
    return Clip(
        tub=tub,
        records=records,
        human=np.array([record.angle for record in records], float),
        steering=np.array(steering),
        mirrored=np.array(mirrored),
        without_angle=len(readable) - len(records),
        broken=len(tub.records) - len(readable),
    )


def score_clip(clip: Clip) -> ClipScore:
    """Raises ScoreError, which names the clip, where it cannot be scored."""
    moments = clip.timestamps_ms, clip.sessions
    try:
        score = score_steering(clip.human, clip.steering, clip.mirrored, *moments)
    except ScoreError as error:
        raise ScoreError(f"{clip.tub.path}: {error}") from error
    return ClipScore(
        tub=str(clip.tub.path),
        score=score,
        mirror_consistency=mirror_consistency(clip.steering, clip.mirrored),
        flips_per_second=flips_per_second(clip.steering, *moments),
        sign_agreement=sign_agreement_in_bends(clip.human, clip.steering, *moments),
        without_angle=clip.without_angle,
        broken=clip.broken,
    )


class _Pilot:
    """Observation, policy and decision of one car that is shown one row of frames."""

    def __init__(self, policy: TFLitePolicy, contract: Contract, still: bool) -> None:
        self._policy, self._actions, self._still = policy, contract.actions, still
        self._observer = Observer(contract.observation)
        self._steering = 0.0

    def start_anew(self) -> None:
        self._observer.clear()
        self._steering = 0.0

    def steer(self, frame: np.ndarray, t_capture_ns: int) -> float:
        observation = self._observer.see(frame, t_capture_ns)
        if observation is not None:
            if self._still:
                observation[...] = observation[..., -1:]
            advantages = self._policy.advantages(observation)
            self._steering = float(decide(advantages[None], self._actions, np.array([self._steering])).steering[0])
        return self._steering
