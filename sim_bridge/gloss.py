"""Lamps that a glossy floor reflects: bright spots and streaks that stay where they are as the floor passes below."""

import math

import cv2
import numpy as np

from sim_bridge.lens import Lens
from sim_bridge.room import Room
from sim_bridge.scene import Scene

MOST_SEEN = 3  # the nearest ones; more are hardly noticed
FARTHEST_M = 9.0
REACH = 2.2  # standard deviations of a spot that are drawn
TALLEST_PX = 20.0  # standard deviation


class Gloss:
    """The lamps over one floor, in rows, and the camera that sees their mirror images below it."""

    def __init__(self, room: Room, scene: Scene, lens: Lens, rng: np.random.Generator) -> None:
        self._lens, self._scene = lens, scene
        apart_m = rng.uniform(1.2, 4.0, 2)
        first_m = room.low_m + rng.uniform(0, apart_m)
        grid = [np.arange(*axis) for axis in zip(first_m, room.high_m, apart_m, strict=True)]
        self._lamps_m = np.stack(np.meshgrid(*grid), axis=-1).reshape(-1, 2)
        self._size_m = rng.uniform(0.15, 0.8)

    def add(self, picture: np.ndarray, first_row: int, x_m: float, y_m: float, heading_rad: float) -> None:
        """Add the reflections to a picture of the floor whose first row is first_row of the frame, in place."""
        scene = self._scene
        cos, sin = math.cos(heading_rad), math.sin(heading_rad)
        forward_m, left_m = ((self._lamps_m - (x_m, y_m)) @ ((cos, -sin), (sin, cos))).T
        near = (forward_m > 0) & (forward_m + np.abs(left_m) < FARTHEST_M)
        forward_m, left_m = forward_m[near] - scene.camera_forward_m, left_m[near] - scene.camera_left_m
        below_m = scene.lamp_height_m + scene.camera_height_m  # of the lamp's mirror image below the camera
        columns, rows = self._lens.seen_at(forward_m, left_m, np.full(len(forward_m), -below_m))
        height, width = first_row + picture.shape[0], picture.shape[1]
        seen = np.flatnonzero((np.abs(columns - width / 2) < width) & (np.abs(rows - height / 2) < height))
        path_m = np.hypot(np.hypot(forward_m[seen], left_m[seen]), below_m)
        for away_m, lamp in sorted(zip(path_m.tolist(), seen.tolist(), strict=True))[:MOST_SEEN]:
            spread_px = max(1.0, self._lens.focal_px * self._size_m / away_m / 2)
            # A floor reflects the more the flatter one looks at it.
            strength = scene.gloss * (1 - below_m / away_m * 0.8)
            tall_px = min(TALLEST_PX, spread_px * scene.gloss_smear)
            _spot(picture, float(columns[lamp]), float(rows[lamp]) - first_row, spread_px, tall_px, strength)


def _spot(picture: np.ndarray, column: float, row: float, wide_px: float, tall_px: float, strength: float) -> None:
    """Add a soft spot, standard deviations wide_px and tall_px, in place."""
    height, width = picture.shape[:2]
    left, right = max(0, int(column - REACH * wide_px)), min(width, int(column + REACH * wide_px) + 1)
    top, bottom = max(0, int(row - REACH * tall_px)), min(height, int(row + REACH * tall_px) + 1)
    if left >= right or top >= bottom:
        return
    across = np.exp(-0.5 * ((np.arange(left, right, dtype=np.float32) - column) / wide_px) ** 2)
    down = strength * np.exp(-0.5 * ((np.arange(top, bottom, dtype=np.float32) - row) / tall_px) ** 2)
    spot = (down[:, None] * across).astype(np.uint8)
    part = picture[top:bottom, left:right]
    picture[top:bottom, left:right] = cv2.add(part, spot if picture.ndim == 2 else cv2.merge([spot] * 3))
