"""A driver that sees the track: pure pursuit of the centre line. The ceiling that policies are measured against.

R. C. Coulter, Implementation of the Pure Pursuit Path Tracking Algorithm, CMU-RI-TR-92-01 (1992).
"""

import numpy as np

from sim_bridge.motion import Motion

LOOKAHEAD_M = 0.35  # of 0.35, 0.45, 0.55 and 0.65 the one that strays least from the centre, on both tables


def pure_pursuit(motion: Motion, lookahead_m: float | np.ndarray = LOOKAHEAD_M) -> np.ndarray:
    """Steering for each car, float64 (n,), -1 .. +1: the arc through the road's centre lookahead_m further on.

    lookahead_m: for all cars, or (n,) for each.
    """
    cars = motion.bicycles
    target_m = motion.road_ahead_m(lookahead_m) - np.stack([cars.x_m, cars.y_m], axis=1)
    bearing_rad = np.arctan2(target_m[:, 1], target_m[:, 0]) - cars.heading_rad
    distance_m = np.linalg.norm(target_m, axis=1)
    wheel_rad = np.arctan(2 * cars.wheelbase_m * np.sin(bearing_rad) / distance_m)
    return np.clip(-wheel_rad / cars.full_lock_rad, -1, 1)
