"""A camera above flat ground, pinhole to fisheye: where on the floor each pixel looks, and the picture from there."""

import math

import cv2
import numpy as np

from models.contract import ObservationSpec
from sim_bridge.distributions import Scene
from sim_bridge.ground import Ground

BEYOND_M = 1000.0  # where pixels above the horizon "look": off every floor, so they show the wall


class GroundCamera:
    """One car's camera. Its frame is (spec.frame_height, spec.frame_width)."""

    def __init__(self, scene: Scene, spec: ObservationSpec) -> None:
        self._width = spec.frame_width
        self._looks_at = _looks_at(scene, spec)

    def take(self, ground: Ground, x_m: float, y_m: float, heading_rad: float, first_row: int = 0) -> np.ndarray:
        """The picture from a car whose rear axle stands at (x_m, y_m): uint8 (rows from first_row, width[, 3])."""
        scale = ground.pixels_per_m
        cos, sin = scale * math.cos(heading_rad), scale * math.sin(heading_rad)
        column, row = scale * (x_m - ground.origin_m[0]), scale * (y_m - ground.origin_m[1])
        to_picture = np.array(((cos, -sin, column), (sin, cos, row)), np.float32)
        where = cv2.transform(self._looks_at[first_row * self._width :], to_picture)
        return cv2.remap(
            ground.picture,
            where.reshape(-1, self._width, 2),
            None,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=ground.wall,
        )


def _looks_at(scene: Scene, spec: ObservationSpec) -> np.ndarray:
    """Where each pixel looks, row by row, in the car's frame: float32 (height * width, 1, 2), metres forward and left.

    Light at an angle a to the lens's axis falls r = f tan(k a) / k pixels from the picture's centre: a pinhole for
    k = 1, an equidistant fisheye (r = f a) for k towards 0, and what wide lenses are in between. A ray goes 1 forward,
    `left` and `up`; turned by roll and pitch it meets the floor height / -up ahead.
    """
    half_fov = np.radians(scene.camera_fov_deg) / 2
    k = max(1e-6, 1 - scene.camera_fisheye)
    focal_px = spec.frame_width / 2 * k / np.tan(k * half_fov)
    rows, columns = np.mgrid[0 : spec.frame_height, 0 : spec.frame_width]
    left_px = (spec.frame_width - 1) / 2 - columns.ravel()
    up_px = (spec.frame_height - 1) / 2 - rows.ravel()
    from_axis = np.maximum(np.hypot(left_px, up_px), 1e-9)
    angle = np.minimum(np.arctan(k * from_axis / focal_px) / k, np.radians(89.9))
    bend = np.tan(angle) / from_axis
    left, up = left_px * bend, up_px * bend
    roll, pitch = np.radians(scene.camera_roll_deg), np.radians(scene.camera_pitch_deg)
    left, up = left * np.cos(roll) - up * np.sin(roll), left * np.sin(roll) + up * np.cos(roll)
    forward, up = np.cos(pitch) + up * np.sin(pitch), up * np.cos(pitch) - np.sin(pitch)
    with np.errstate(divide="ignore"):
        reach = np.where(up < 0, scene.camera_height_m / -up, np.inf)
    on_floor = reach < BEYOND_M
    reach = np.where(on_floor, reach, 0.0)
    looks_at = np.stack([scene.camera_forward_m + reach * forward, reach * left], axis=1)
    looks_at[~on_floor] = BEYOND_M
    return looks_at.astype(np.float32).reshape(-1, 1, 2)
