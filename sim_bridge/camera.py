"""A camera above flat ground: where on the floor each pixel looks, and the picture from there."""

import math
from itertools import pairwise

import cv2
import numpy as np

from models.contract import ObservationSpec
from sim_bridge.canvas import PIXELS_PER_M
from sim_bridge.ground import LEVELS, Ground
from sim_bridge.lens import Lens
from sim_bridge.scene import Scene

BEYOND_M = 1000.0  # where pixels above the horizon "look": off every floor, so they show the wall


class GroundCamera:
    """One car's camera. Its frame is (spec.frame_height, spec.frame_width)."""

    def __init__(self, scene: Scene, spec: ObservationSpec, lens: Lens | None = None) -> None:
        """lens: the scene's, where it is there already."""
        self._width = spec.frame_width
        self._looks_at = _looks_at(scene, lens or Lens(scene, spec))
        by_row = self._looks_at.reshape(-1, self._width, 2)
        self._bands = _bands(by_row)
        # All that the rows above this one see is the wall; the last row is looked for in any case.
        self._horizon = int((by_row[:-1] == BEYOND_M).all(axis=(1, 2)).cumprod().sum())

    def take(self, ground: Ground, x_m: float, y_m: float, heading_rad: float, first_row: int = 0) -> np.ndarray:
        """The picture from a car whose rear axle stands at (x_m, y_m): uint8 (rows from first_row, width[, 3])."""
        rows, below = len(self._looks_at) // self._width, max(first_row, self._horizon)
        if ground.coarser:
            picture = np.empty((rows - below, self._width, *ground.picture.shape[2:]), np.uint8)
            levels = (ground, *ground.coarser)
            for band, last, level in self._bands:
                if last > below:
                    first = max(band, below)
                    part = picture[first - below : last - below]
                    self._sample(levels[level], x_m, y_m, heading_rad, first, last, part)
        else:
            picture = self._sample(ground, x_m, y_m, heading_rad, below, rows)
        if below == first_row:
            return picture
        return cv2.copyMakeBorder(picture, below - first_row, 0, 0, 0, cv2.BORDER_CONSTANT, value=ground.wall)

    def floor_m(self, pixels: np.ndarray, x_m: float, y_m: float, heading_rad: float) -> np.ndarray:
        """The points of the floor that these pixels show, float64 (n, 2) metres; NaN above the horizon.

        pixels: int (n,), counted row by row from the frame's first. The rest: as in `take`.
        """
        forward_m, left_m = self._looks_at[pixels, 0].astype(float).T
        cos, sin = math.cos(heading_rad), math.sin(heading_rad)
        floor_m = np.stack([x_m + cos * forward_m - sin * left_m, y_m + sin * forward_m + cos * left_m], axis=1)
        floor_m[forward_m == BEYOND_M] = np.nan
        return floor_m

    def _sample(
        self,
        ground: Ground,
        x_m: float,
        y_m: float,
        heading_rad: float,
        first_row: int,
        last_row: int,
        into: np.ndarray | None = None,
    ) -> np.ndarray:
        scale = ground.pixels_per_m
        cos, sin = scale * math.cos(heading_rad), scale * math.sin(heading_rad)
        column, row = scale * (x_m - ground.origin_m[0]), scale * (y_m - ground.origin_m[1])
        to_picture = np.array(((cos, -sin, column), (sin, cos, row)), np.float32)
        where = cv2.transform(self._looks_at[first_row * self._width : last_row * self._width], to_picture)
        return cv2.remap(
            ground.picture,
            where.reshape(-1, self._width, 2),
            None,
            cv2.INTER_LINEAR,
            dst=into,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=ground.wall,
        )


def _looks_at(scene: Scene, lens: Lens) -> np.ndarray:
    """Where each pixel looks, row by row, in the car's frame: float32 (height * width, 1, 2), metres forward and left.

    A ray that goes 1 forward, `left` and `up` meets the floor height / -up ahead.
    """
    forward, left, up = lens.rays
    with np.errstate(divide="ignore", over="ignore"):
        reach = np.where(up < 0, scene.camera_height_m / -up, np.inf)
    on_floor = reach < BEYOND_M
    reach = np.where(on_floor, reach, 0.0)
    looks_at = np.stack([scene.camera_forward_m + reach * forward, scene.camera_left_m + reach * left], axis=1)
    looks_at[~on_floor] = BEYOND_M
    return looks_at.astype(np.float32).reshape(-1, 1, 2)


def _bands(looks_at: np.ndarray) -> list[tuple[int, int, int]]:
    """First row, last row + 1 and which of the ground's levels is about as fine as they see the floor.

    looks_at: (height, width, 2). A far pixel covers much more floor along the view than across it; a level in between,
    nearer to the width, keeps lines that lead away sharp and still averages most of what flickers.
    """
    across_m = np.linalg.norm(np.gradient(looks_at, axis=1), axis=2)
    along_m = np.linalg.norm(np.gradient(looks_at, axis=0), axis=2)
    middle = slice(looks_at.shape[1] // 4, -(looks_at.shape[1] // 4))
    covered_m = np.median((across_m**0.7 * along_m**0.3)[:, middle], axis=1)
    covered_m[(looks_at[:, middle] == BEYOND_M).any(axis=(1, 2))] = np.inf
    level = np.clip(np.log2(np.maximum(covered_m * PIXELS_PER_M, 1e-9)) + 0.3, 0, LEVELS - 1).astype(int)
    edges = [0, *(np.flatnonzero(np.diff(level)) + 1).tolist(), len(level)]
    return [(first, last, int(level[first])) for first, last in pairwise(edges)]
