"""The same arc in another car: what a policy's steering becomes where wheels turn further, or less far.

How far a car's wheels turn shows in no picture, so a policy takes every car for the same one. Who has measured his own
knows better: openpilot's networks likewise say how much to turn, and the car's own parameters what to steer for it.
"""

import numpy as np
from numpy.typing import ArrayLike


def same_arc(
    steering: ArrayLike,
    turns_rad_per_m: float,
    wheelbase_m: ArrayLike,
    left_lock_rad: ArrayLike,
    right_lock_rad: ArrayLike,
) -> np.ndarray:
    """The steering, float64 (n,), -1 .. +1, that makes cars go the arc which `steering`, (n,), is in the policy's car,
    or as near to it as their wheels turn.

    turns_rad_per_m: ActionTable's. wheelbase_m, and how far the front wheels turn at -1 and at +1: for all cars or for
    each, (n,). In between they turn in proportion, here as there; the arc is the kinematic bicycle's, tan(wheels) /
    wheelbase (R. Rajamani, Vehicle Dynamics and Control, section 2.2).
    """
    steering = np.asarray(steering, np.float64)
    wheels_rad = steering * np.arctan(turns_rad_per_m * np.asarray(wheelbase_m))
    own: np.ndarray = wheels_rad / np.where(steering < 0, left_lock_rad, right_lock_rad)
    return own.clip(-1.0, 1.0)
