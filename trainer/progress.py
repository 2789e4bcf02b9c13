"""Where a training stands, and how well its network drives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sim_bridge.calibrated import centred
from sim_bridge.distributions import TABLES
from trainer.evaluation import Summary, drive_tracks, greedy, summarise
from trainer.learner import Learner

VALIDATION_SEED = 1  # the tracks that choose the checkpoint; `evaluate` uses others


@dataclass
class Progress:
    """Where a training stands; handed to `report` about once a second and at each evaluation."""

    elapsed_s: float = 0.0  # of all sittings
    share: float = 0.0  # of this sitting that is done
    resumed_s: float | None = None  # elapsed_s when this sitting began; None in the first one
    frames: int = 0
    updates: int = 0
    epsilon: float = 1.0
    loss: float = 0.0
    q: float = 0.0
    episode_return: float = 0.0  # mean of the last hundred finished episodes
    episode_steps: float = 0.0
    actions: np.ndarray | None = None  # how often each was taken since the last report, int (actions,)
    evaluation: Summary | None = None  # of this very moment, else None
    best: Summary | None = None  # evaluation so far
    recent: list[tuple[float, int]] = field(default_factory=list, repr=False)


def validate(
    learner: Learner, tracks: int, measured: Mapping[str, tuple[float, float]], *, paths: bool = False
) -> Summary:
    """Greedy, one lap each, on tracks that are neither trained on nor used by `evaluate`: those of the default
    evaluation, or of the tables `real` and `racing` where those are trained on; driven by the car that was measured, if
    one was."""
    trained_on = learner.settings.table
    table = centred(TABLES[trained_on if trained_on in ("real", "racing") else "evaluation"], measured)

    def advantages(observations: np.ndarray, cars: np.ndarray) -> np.ndarray:
        padded = np.zeros((tracks, *learner.contract.observation.shape), np.uint8)  # one shape: compiled once
        padded[cars] = observations
        return learner.advantages(padded)[cars]

    choose = greedy(advantages, learner.contract)
    return summarise(
        drive_tracks(choose, learner.contract, tracks, laps=1, seed=VALIDATION_SEED, table=table, paths=paths)
    )


def merit(evaluation: Summary) -> tuple[int, float]:
    """More tracks finished; among equals, nearer to the centre."""
    return evaluation.finished, -evaluation.mean_offset_m
