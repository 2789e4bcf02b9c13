"""One stretch of training, whoever learns and from what: when it ends, when it is measured, who is told."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from models.contract import Contract
from storage.simcache_library import Library
from trainer.env_recorder import EnvRecorder, NoRecorder
from trainer.evaluation import Summary
from trainer.hyperparameters import Hyperparameters
from trainer.learner import Learner
from trainer.progress import Progress, merit, validate


@dataclass
class Sitting:
    """All that a trainer is given. It calls `begin` once, then `tell` after each round until that says it is over.

    evaluated is called after each evaluation; where it is the best, progress.best is progress.evaluation. The end is
    evaluated too, so it is called at least once, unless stop() came before anything was learnt. resume brings a new
    learner to where a training ended, and says where that was.
    """

    contract: Contract
    settings: Hyperparameters
    budget_s: float | None  # whichever is given and ends first
    budget_frames: int | None
    report: Callable[[Progress], None]
    evaluated: Callable[[Learner, Progress], None]
    stop: Callable[[], bool]
    resume: Callable[[Learner], Progress] = lambda learner: Progress()
    told: Callable[[Learner, Progress], None] = lambda learner, progress: None  # after each round
    recordings: Library | None = None  # what is learnt from, in place of a simulator
    measured: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # of the car it is for: calibration.known
    recorder: EnvRecorder | NoRecorder = field(default_factory=NoRecorder)  # of what cars live through in it

    def begin(self, learner: Learner) -> Progress:
        """Where this learner's training stands."""
        self._learner, self._progress = learner, self.resume(learner)
        self._progress.actions = np.zeros(len(self.contract.actions), int)
        self._before_s, self._before_frames = self._progress.elapsed_s, self._progress.frames
        self._started = self._reported = self._measured = time.monotonic()
        return self._progress

    def validate(self, ended: bool) -> Summary:
        """How the learner drives on the validation's tracks; with paths where the sitting has ended."""
        return validate(self._learner, self.settings.evaluate_cars, self.measured, paths=ended)

    def tell(
        self,
        frames: int,
        measure: Callable[[bool], Summary] | None,
        *,
        over: bool = False,
        last_is_best: bool = False,
    ) -> bool:
        """A round is done, after so many frames in this sitting. Returns whether there is another.

        measure: evaluates, and is told whether the sitting has ended; None: there is nothing to evaluate yet.
        over: this was the last round. last_is_best: by the way it learns, whatever an evaluation says.
        """
        progress, now = self._progress, time.monotonic()
        progress.elapsed_s, progress.frames = self._before_s + now - self._started, self._before_frames + frames
        progress.share = max(
            (now - self._started) / self.budget_s if self.budget_s else 0.0,
            frames / self.budget_frames if self.budget_frames else 0.0,
        )
        self.told(self._learner, progress)
        ended = over or progress.share >= 1 or self.stop()
        if measure is not None and (ended or now - self._measured > self.settings.evaluate_every_s):
            progress.evaluation = measure(ended)
            if last_is_best or progress.best is None or merit(progress.evaluation) > merit(progress.best):
                progress.best = progress.evaluation
            self.evaluated(self._learner, progress)
            self._measured = time.monotonic()
        if progress.evaluation or now - self._reported > 1:
            if progress.losses:
                progress.loss = float(np.mean(progress.losses))
                progress.losses.clear()
            self.report(progress)
            self._reported = now
            progress.actions[:] = 0
        progress.evaluation = None
        return not ended
