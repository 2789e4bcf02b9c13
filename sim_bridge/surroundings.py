"""What is upright, seen by the car's camera: walls and things, and their mirror images in a glossy floor.

For each of 128 directions about the car the nearest wall and the nearest thing are found once a frame. A pixel that
looks in such a direction meets them at the height `distance x slope + camera height` above the floor; where that is
below the floor, it sees the floor in front of them, and in a glossy floor what stands as high above it. Of two things
in one direction the nearer hides the farther, even where it is lower.
"""

import math

import cv2
import numpy as np

from models.contract import ObservationSpec
from sim_bridge.lens import Lens
from sim_bridge.room import Room
from sim_bridge.scene import Scene
from sim_bridge.walls import PIXELS_PER_M, SIDE, paint_things, paint_walls

DIRECTIONS = 128
TABLE = 256  # entries that cv2.LUT wants
NEAREST_M = 0.05
LEAST_REFLECTED = 0.02  # a smaller share of a bright wall is not seen in the floor
FARTHEST_THING_M = 6.0  # what stands farther off is not worth its time


class Surroundings:
    """The upright part of one world, for one camera."""

    def __init__(
        self, room: Room, scene: Scene, lens: Lens, spec: ObservationSpec, rng: np.random.Generator, *, rgb: bool
    ) -> None:
        self._scene = scene
        # Every other column is enough: the policy sees two of five.
        forward, left, up = (
            values.reshape(spec.frame_height, spec.frame_width // 2, 2).mean(axis=2) for values in lens.rays
        )
        azimuth = np.arctan2(left, forward)
        widest = float(np.abs(azimuth).max())
        self._azimuth, self._step_rad = np.linspace(-widest, widest, DIRECTIONS, retstep=True)
        self._widest = widest
        self._along = np.array((np.cos(self._azimuth), np.sin(self._azimuth)))
        self._direction = np.round((azimuth + widest) / (2 * widest) * (DIRECTIONS - 1)).astype(np.uint8)
        self._slope = (up / np.maximum(np.hypot(forward, left), 1e-9)).astype(np.float32)
        self._highest_slope = self._slope.max(axis=1)  # of each row
        self._low_m, self._high_m = room.low_m[:, None], room.high_m[:, None]
        wide_m, deep_m = room.high_m - room.low_m
        self._starts_m = np.array(
            (deep_m + wide_m, 2 * deep_m + wide_m, 0, deep_m)
        )  # of left, lower, right, upper wall
        walls = paint_walls(2 * (wide_m + deep_m), scene, rng, rgb=rgb)
        things = paint_things(len(room.things), scene, rng, rgb=rgb)
        self._wall_rows = len(walls)
        columns = max(walls.shape[1], things.shape[1])
        self._picture = np.concatenate([_widened(walls, columns), _widened(things, columns)])
        self._things = room.things
        self._image = None
        if scene.mirror:
            self._image = cv2.blur(self._picture, (3, 1 + 2 * round(scene.mirror_smear_m * PIXELS_PER_M / 2)))
            # The flatter one looks at a floor the more it reflects: 1 - sin(elevation), to the third power.
            sine = np.abs(self._slope) / np.sqrt(1 + self._slope**2)
            self._reflects = cv2.resize(scene.mirror * (1 - sine) ** 3, (spec.frame_width, spec.frame_height))
            self._reflecting_rows = int((self._reflects.max(axis=1) > LEAST_REFLECTED).sum())

    def draw(self, picture: np.ndarray, first_row: int, x_m: float, y_m: float, heading_rad: float) -> None:
        """Draw them before and above the floor, into a picture of it whose first row is first_row of the frame."""
        scene = self._scene
        cos, sin = math.cos(heading_rad), math.sin(heading_rad)
        turn = np.array(((cos, -sin), (sin, cos)))  # from the car's frame to the world's
        at_m = np.array(((x_m,), (y_m,))) + turn @ ((scene.camera_forward_m,), (scene.camera_left_m,))
        walls = self._walls(turn, at_m)
        things = self._nearest_things(cos, sin, float(at_m[0, 0]), float(at_m[1, 0]))
        nearest_m = walls[0, :DIRECTIONS].min()
        if things is not None:
            nearest_m = min(nearest_m, things[0][things[0] > 0].min())
        upright_rows = int((self._highest_slope > -scene.camera_height_m / nearest_m).sum())
        rows = slice(first_row, upright_rows if self._image is None else max(upright_rows, self._reflecting_rows))
        if rows.stop <= first_row:
            return
        direction, slope = self._direction[rows], self._slope[rows]
        away_m, column = (cv2.LUT(direction, values) for values in walls)
        height_m = away_m * slope + scene.camera_height_m
        upright = height_m > 0
        row = np.maximum(self._wall_rows - 0.5 - PIXELS_PER_M * np.abs(height_m), 0)
        if things is not None:
            self._stand(things, direction, slope, column, row, upright)
        if self._image is not None:
            share = self._reflects[rows]
            floor = picture[: rows.stop - first_row]
            floor[...] = cv2.blendLinear(_shown(self._image, column, row), floor, share, 1 - share)
        last = upright_rows - first_row
        if last > 0:
            seen = _shown(self._picture, column[:last], row[:last])
            here = cv2.resize(upright[:last].astype(np.uint8), seen.shape[1::-1], interpolation=cv2.INTER_NEAREST)
            cv2.copyTo(seen, here, picture[:last])

    def _walls(self, turn: np.ndarray, at_m: np.ndarray) -> np.ndarray:
        """In each direction: how far the wall is, and its column in the picture, a table for cv2.LUT.

        turn: from the car's frame to the world's, (2, 2); at_m: the camera, (2, 1).
        """
        along = turn @ self._along
        upwards = along > 0
        ahead_m = (np.where(upwards, self._high_m, self._low_m) - at_m) / along  # to the wall that x, or y, runs into
        on_y = ahead_m[1] < ahead_m[0]
        away_m = np.maximum(np.where(on_y, ahead_m[1], ahead_m[0]), NEAREST_M)
        met_m = at_m - self._low_m + away_m * along
        wall = 2 * np.where(on_y, upwards[1], upwards[0]) + on_y
        table = np.zeros((2, TABLE), np.float32)
        table[0, :DIRECTIONS] = away_m
        table[1, :DIRECTIONS] = PIXELS_PER_M * (self._starts_m[wall] + np.where(on_y, met_m[0], met_m[1]))
        return table

    def _nearest_things(self, cos: float, sin: float, x_m: float, y_m: float) -> np.ndarray | None:
        """In each direction: how far the nearest thing is, from and up to which height it is there, its column in the
        picture, its row at height 0 and per metre; a table for cv2.LUT, 0 where there is none. None: there are none."""
        seen = []
        for number, thing in enumerate(self._things):
            from_x_m, from_y_m = thing.x_m - x_m, thing.y_m - y_m
            away_m = math.hypot(from_x_m, from_y_m)
            if NEAREST_M < away_m < FARTHEST_THING_M:
                bearing_rad = math.atan2(from_y_m * cos - from_x_m * sin, from_x_m * cos + from_y_m * sin)
                half_rad = math.atan2(thing.width_m / 2, away_m)
                first = max(0, math.ceil((bearing_rad - half_rad + self._widest) / self._step_rad))
                last = min(DIRECTIONS, math.floor((bearing_rad + half_rad + self._widest) / self._step_rad) + 1)
                if first < last:
                    seen.append((away_m, number, bearing_rad, first, last))
        if not seen:
            return None
        table = np.zeros((6, TABLE), np.float32)
        for away_m, number, bearing_rad, first, last in sorted(seen, reverse=True):  # nearer ones over farther ones
            thing, here = self._things[number], slice(first, last)
            off = (self._azimuth[here] - bearing_rad) * (away_m / thing.width_m)  # in widths, from its middle
            rows_per_m = -0.95 * SIDE / (thing.to_m - thing.from_m)
            at_floor = self._wall_rows - thing.to_m * rows_per_m
            table[:, here] = np.array(((away_m,), (thing.from_m,), (thing.to_m,), (0,), (at_floor,), (rows_per_m,)))
            table[3, here] = (number + 0.5 + 0.9 * off) * SIDE
            if thing.taper:
                narrow = np.clip((1 - 2 * np.abs(off)) / thing.taper, 0, 1)
                table[2, here] = thing.from_m + (thing.to_m - thing.from_m) * narrow
        return table

    def _stand(
        self,
        things: np.ndarray,
        direction: np.ndarray,
        slope: np.ndarray,
        column: np.ndarray,
        row: np.ndarray,
        upright: np.ndarray,
    ) -> None:
        """Put the things before the wall: where a pixel sees one, change its place in the picture, in place."""
        away_m, from_m, top_m, at, first, per_m = (cv2.LUT(direction, values) for values in things)
        height_m = away_m * slope + self._scene.camera_height_m
        above = height_m > 0
        np.abs(height_m, out=height_m)
        inside = (height_m >= from_m) & (height_m < top_m)
        np.copyto(column, at, where=inside)
        np.copyto(row, first + per_m * height_m, where=inside)
        upright |= inside & above


def _shown(picture: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """The picture at these places, float32 (rows, columns), twice as broad: (rows, 2 * columns[, 3])."""
    half = cv2.remap(picture, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(half, (2 * column.shape[1], column.shape[0]), interpolation=cv2.INTER_LINEAR)


def _widened(picture: np.ndarray, columns: int) -> np.ndarray:
    return cv2.copyMakeBorder(picture, 0, 0, 0, columns - picture.shape[1], cv2.BORDER_REPLICATE)
