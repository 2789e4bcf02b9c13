"""Rewards, by name: how well a car does in one step. Each is in [0, 1] on the road; leaving it ends the episode."""

from collections.abc import Callable

import numpy as np

from sim_bridge.motion import State

SIGMA = 0.25  # of the Gaussian, as a share of half the road: half-way to the edge it pays an eighth
LAPLACE = 0.35  # the same for the peak: half-way to the edge it pays a quarter


def gaussian(state: State) -> np.ndarray:
    """The original project's: a Gaussian of the distance to the centre line, here scaled so that the centre earns 1."""
    return np.exp(-0.5 * (state.offset_m / (SIGMA * state.half_width_m)) ** 2)


def laplace(state: State) -> np.ndarray:
    """A peak without a flat top: exp(-|distance|), scaled like the Gaussian.

    Near the centre the Gaussian is flat, so a policy that has learnt to stay there sees actions of nearly equal worth,
    and int8 cannot tell them apart. Here a centimetre counts wherever the car is.
    """
    return np.exp(-np.abs(state.offset_m) / (LAPLACE * state.half_width_m))


def gaussian_progress(state: State) -> np.ndarray:
    """The Gaussian, paid for metres made good along the road: standing still or driving back earns nothing.

    One full-speed period of the slowest car of the default table (1 m/s for 0.05 s) earns the whole Gaussian.
    """
    return gaussian(state) * np.clip(state.progress_m / 0.05, 0, 1)


REWARDS: dict[str, Callable[[State], np.ndarray]] = {
    "gaussian": gaussian,
    "laplace": laplace,
    "gaussian_progress": gaussian_progress,
}
