"""From advantages to a command: one rule for the car, the evaluation and the score on footage."""

from dataclasses import dataclass

import numpy as np

from models.contract import ActionTable


@dataclass(frozen=True)
class Decisions:
    """Of n cars. action: int (n,), the best one; steering, throttle: float64 (n,), -1 .. +1, what is commanded."""

    action: np.ndarray
    steering: np.ndarray
    throttle: np.ndarray


def decide(advantages: np.ndarray, actions: ActionTable, held_steering: np.ndarray) -> Decisions:
    """What to do, for n cars that hold held_steering, (n,). advantages: float32 (n, actions).

    The best action has the largest advantage; where several are equal, it is the one nearest to the steering held: int8
    has ties where float has none, and a servo that stays where it is does nothing wrong. With `argmax` the command is
    that action's. With `expectation` it is the mean of all actions' commands, weighted by softmax(advantage /
    temperature): between two bins that are nearly as good the wheels stand between them, and do not jump.
    Raises ValueError where an advantage is not a number.
    """
    if not np.isfinite(advantages).all():
        raise ValueError("the policy's advantages are not numbers")
    commands = np.array([actions.decode(action) for action in range(len(actions))])
    largest = advantages.max(axis=1, keepdims=True)
    away = np.abs(commands[:, 0] - np.asarray(held_steering)[:, None])
    best = np.where(advantages == largest, away, np.inf).argmin(axis=1)
    if actions.decoding == "argmax":
        steering, throttle = commands[best].T
    else:
        weights = np.exp((advantages - largest).astype(np.float64) / actions.temperature)
        steering, throttle = (weights / weights.sum(axis=1, keepdims=True) @ commands).T
    return Decisions(best, steering, throttle)
