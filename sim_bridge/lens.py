"""The lens, pinhole to fisheye, and how it is mounted: which way each pixel looks, and where a direction is seen.

Directions are (forward, left, up) in the car's frame. Light at an angle a to the lens's axis falls r = f tan(k a) / k
pixels from the picture's centre: a pinhole for k = 1, an equidistant fisheye (r = f a) for k towards 0, and what wide
lenses are in between.
"""

from functools import cached_property

import numpy as np

from models.contract import ObservationSpec
from sim_bridge.scene import Scene

WIDEST_RAD = np.radians(89.9)  # from the axis; nothing is seen beyond


class Lens:
    """One camera's lens above one car."""

    def __init__(self, scene: Scene, spec: ObservationSpec) -> None:
        self._size = spec.frame_height, spec.frame_width
        self._k = max(1e-6, 1 - scene.camera_fisheye)
        self._pitch, self._roll = np.radians(scene.camera_pitch_deg), np.radians(scene.camera_roll_deg)
        self._yaw = np.radians(scene.camera_yaw_deg)
        half_fov = np.radians(scene.camera_fov_deg) / 2
        self.focal_px = spec.frame_width / 2 * self._k / np.tan(self._k * half_fov)

    @cached_property
    def rays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each pixel looks, row by row: forward, left and up, float64 (height * width,), of any length."""
        height, width = self._size
        rows, columns = np.mgrid[0:height, 0:width]
        left_px = (width - 1) / 2 - columns.ravel()
        up_px = (height - 1) / 2 - rows.ravel()
        from_axis = np.maximum(np.hypot(left_px, up_px), 1e-9)
        angle = np.minimum(np.arctan(self._k * from_axis / self.focal_px) / self._k, WIDEST_RAD)
        bend = np.tan(angle) / from_axis
        left, up = left_px * bend, up_px * bend
        left, up = (
            left * np.cos(self._roll) - up * np.sin(self._roll),
            left * np.sin(self._roll) + up * np.cos(self._roll),
        )
        forward, up = np.cos(self._pitch) + up * np.sin(self._pitch), up * np.cos(self._pitch) - np.sin(self._pitch)
        cos, sin = np.cos(self._yaw), np.sin(self._yaw)
        return forward * cos - left * sin, forward * sin + left * cos, up

    def seen_at(self, forward: np.ndarray, left: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The inverse of `rays`: column and row of each direction, (n,); NaN for what is beside or behind the lens."""
        height, width = self._size
        cos, sin = np.cos(self._yaw), np.sin(self._yaw)
        forward, left = forward * cos + left * sin, left * cos - forward * sin
        cos, sin = np.cos(self._pitch), np.sin(self._pitch)
        axis, up = forward * cos - up * sin, forward * sin + up * cos
        cos, sin = np.cos(self._roll), np.sin(self._roll)
        left, up = left * cos + up * sin, up * cos - left * sin
        aside = np.maximum(np.hypot(left, up), 1e-9)
        angle = np.arctan2(aside, axis)
        seen = angle < WIDEST_RAD * (1 - 1e-9)  # what `rays` held back at the widest is not taken for seen there
        from_axis_px = np.where(seen, np.tan(self._k * angle) / self._k, np.nan) * self.focal_px / aside
        return (width - 1) / 2 - left * from_axis_px, (height - 1) / 2 - up * from_axis_px
