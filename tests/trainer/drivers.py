"""Drivers that do not look."""

import numpy as np

from models.decision import Decisions
from trainer.evaluation import Chooser


def steady(steering: float, throttle: float = 0.2) -> Chooser:
    """Always the same command. The action is 0."""

    def choose(observations: np.ndarray, *_: object) -> Decisions:
        count = len(observations)
        return Decisions(np.zeros(count, int), np.full(count, steering), np.full(count, throttle))

    return choose
