"""Rewards, by name: how well a car does in one step. Each is in [0, 1] on the road; leaving it ends the episode."""

from collections.abc import Callable

import numpy as np

from sim_bridge.simulator import State

SIGMA = 0.25  # of the Gaussian, as a share of half the road: beyond it lie a third of the reward and half of the road


def gaussian(state: State) -> np.ndarray:
    """The original project's: a Gaussian of the distance to the centre line, here scaled so that the centre earns 1."""
    return np.exp(-0.5 * (state.offset_m / (SIGMA * state.half_width_m)) ** 2)


def gaussian_progress(state: State) -> np.ndarray:
    """The Gaussian, paid for metres made good along the road: standing still or driving back earns nothing.

    One full-speed period of the slowest car of the default table (1 m/s for 0.05 s) earns the whole Gaussian.
    """
    return gaussian(state) * np.clip(state.progress_m / 0.05, 0, 1)


REWARDS: dict[str, Callable[[State], np.ndarray]] = {
    "gaussian": gaussian,
    "gaussian_progress": gaussian_progress,
}
