"""From advantages to an action: one rule for the car, the evaluation and the comparison of int8 with float."""

import numpy as np

from models.contract import ActionTable


def decide(advantages: np.ndarray, actions: ActionTable, last_steering: float) -> int:
    """The action with the largest advantage; where several are equal, the one nearest to the last steering.

    int8 has ties where float has none, and a servo that stays where it is does nothing wrong.
    advantages: float32 (actions,). Raises ValueError where one is not a number.
    """
    if not np.isfinite(advantages).all():
        raise ValueError("the policy's advantages are not numbers")
    best = np.flatnonzero(advantages == advantages.max())
    if len(best) == 1:
        return int(best[0])
    steering = np.array([actions.decode(int(action))[0] for action in best])
    return int(best[np.abs(steering - last_steering).argmin()])
