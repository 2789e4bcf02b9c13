"""Scenes with one thing at a time: everything else is left out."""

import dataclasses

import numpy as np

from sim_bridge.distributions import EVALUATION
from sim_bridge.scene import Scene, draw_scene

PLAIN = {
    "ground_colour": (60.0, 60.0, 60.0),
    "ground_blotches": 0.0,
    "ground_grain": 0.0,
    "light": 1.0,
    "lines": (),
    "camera_noise": 0.0,
    "camera_height_m": 0.2,
    "camera_pitch_deg": 15.0,
    "camera_roll_deg": 0.0,
    "camera_fov_deg": 100.0,
    "camera_forward_m": 0.0,
}


def plain_scene(**changes: object) -> Scene:
    """A grey floor without lines or noise, seen through a level pinhole, but for the changes."""
    return dataclasses.replace(draw_scene(EVALUATION, np.random.default_rng(0)), **(PLAIN | changes))
