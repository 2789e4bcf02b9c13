"""Where a training stands, and how well its network drives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sim_bridge.calibrated import centred
from sim_bridge.distributions import TABLES
from trainer.evaluation import Summary, as_measured, drive_tracks, greedy, summarise
from trainer.learner import Learner

VALIDATION_SEED = 1  # the tracks that choose the checkpoint; `evaluate` uses others


@dataclass
class Progress:
    """Where a training stands; handed to `report` about once a second and at each evaluation."""

    elapsed_s: float = 0.0  # of all sittings
    share: float = 0.0  # of this sitting that is done
    resumed_s: float | None = None  # elapsed_s when this sitting began; None in the first one
    drives: bool = False  # it began with a network that had learnt
    frames: int = 0
    episodes: int = 0  # ended, of all sittings
    updates: int = 0
    epsilon: float | None = None  # the share of random actions; None where none is tried, as from recordings
    loss: float = 0.0  # mean since the last report
    q: float = 0.0  # of the last update
    episode_return: float | None = None  # mean of the last hundred finished episodes; None before the first
    episode_steps: float | None = None
    actions: np.ndarray | None = None  # how often each was taken since the last report, int (actions,)
    evaluation: Summary | None = None  # of this very moment, else None
    best: Summary | None = None  # evaluation so far
    recent: list[tuple[float, int]] = field(default_factory=list, repr=False)
    losses: list[float] = field(default_factory=list, repr=False)  # since the last report

    def learnt(self, loss: float, q: float) -> None:
        """An update was made."""
        self.losses.append(loss)
        self.q = q
        self.updates += 1


class Episodes:
    """The episodes of the cars that gather experience: each one's return and length so far."""

    def __init__(self, cars: int) -> None:
        self._returns, self._steps = np.zeros((2, cars))

    def count(self, progress: Progress, action: np.ndarray, reward: np.ndarray, over: np.ndarray) -> None:
        """A step of all cars, (cars,): progress counts its actions, and the episodes that are over."""
        progress.actions += np.bincount(action, minlength=len(progress.actions))
        self._returns += reward
        self._steps += 1
        for car in np.flatnonzero(over):
            progress.episodes += 1
            progress.recent = [*progress.recent[-99:], (float(self._returns[car]), int(self._steps[car]))]
            self._returns[car], self._steps[car] = 0, -1  # the step that resets the car counts for nothing
        if progress.recent:
            progress.episode_return, progress.episode_steps = np.mean(progress.recent, axis=0).tolist()

    def cut(self) -> None:
        """All cars begin anew with the next step; what they were at was no whole episode, and is not told."""
        self._returns[:], self._steps[:] = 0, -1


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

    choose = as_measured(greedy(advantages, learner.contract), learner.contract, measured)
    return summarise(
        drive_tracks(choose, learner.contract, tracks, laps=1, seed=VALIDATION_SEED, table=table, paths=paths)
    )


def merit(evaluation: Summary) -> tuple[int, float]:
    """More tracks finished; among equals, nearer to the centre."""
    return evaluation.finished, -evaluation.mean_offset_m
