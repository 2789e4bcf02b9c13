"""Closed tracks: drawn at random, and the geometry of their centre line.

World coordinates in metres, x right, y up, headings counter-clockwise from x in radians.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim_bridge.scene import Scene

POINT_SPACING_M = 0.05  # chords this short leave a 0.7 m bend by less than half a millimetre
CLEARANCE_M = 0.25  # floor between two stretches of road that pass each other


@dataclass(frozen=True)
class CentreLine:
    """A closed line somebody laid, and what to call it.

    points: float64 (n, 2), metres, evenly spaced by about POINT_SPACING_M, the last one joined to the first. It may
    cross itself: the lines of both stretches then go on over each other, as tape laid along the whole course does.
    """

    name: str
    points: np.ndarray


@dataclass(frozen=True)
class Track:
    """A closed centre line, driven in the order of its points, and the width of the road about it.

    points: as CentreLine's. A track drawn at random never crosses itself.
    """

    points: np.ndarray
    width_m: float

    @cached_property
    def spacing_m(self) -> float:
        return self.length_m / len(self.points)

    @cached_property
    def length_m(self) -> float:
        return float(np.linalg.norm(np.roll(self.points, -1, 0) - self.points, axis=1).sum())

    @cached_property
    def tangents(self) -> np.ndarray:
        """Unit vectors along the road at each point, float64 (n, 2)."""
        chords = np.roll(self.points, -1, 0) - np.roll(self.points, 1, 0)
        return chords / np.linalg.norm(chords, axis=1, keepdims=True)

    @property
    def curvature_per_m(self) -> np.ndarray:
        """At each point, float64 (n,), + where the road bends to the left."""
        chords = np.roll(self.points, -1, 0) - self.points
        lengths = np.linalg.norm(chords, axis=1)
        headings = np.arctan2(chords[:, 1], chords[:, 0])
        turns = (headings - np.roll(headings, 1) + np.pi) % (2 * np.pi) - np.pi
        return 2 * turns / (lengths + np.roll(lengths, 1))

    def starting_at(self, index: int) -> "Track":
        """The same track with that point as its first: where cars start and laps are counted."""
        return Track(np.roll(self.points, -index, axis=0), self.width_m)

    def offset(self, left_m: float | np.ndarray) -> np.ndarray:
        """The line that runs left_m to the left of the centre (negative: to the right), float64 (n, 2).

        left_m: one distance, or one for each point, (n,).
        """
        tangent_x, tangent_y = self.tangents.T
        return self.points + np.asarray(left_m)[..., None] * np.stack([-tangent_y, tangent_x], axis=1)


def resample(points: np.ndarray, count: int) -> np.ndarray:
    """A closed line, (n, 2), as `count` points evenly spaced along it."""
    closed = np.vstack([points, points[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.linspace(0.0, along[-1], count, endpoint=False)
    return np.stack([np.interp(at, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def _round_corners(polygon: np.ndarray, radii_m: np.ndarray) -> np.ndarray:
    """A closed polygon, (n, 2), with an arc of the given radius at each corner: straights and bends, as people do."""
    line = []
    for before, corner, after, radius_m in zip(
        np.roll(polygon, 1, 0), polygon, np.roll(polygon, -1, 0), radii_m, strict=True
    ):
        arriving = (corner - before) / np.linalg.norm(corner - before)
        leaving = (after - corner) / np.linalg.norm(after - corner)
        turn = np.arctan2(arriving[0] * leaving[1] - arriving[1] * leaving[0], arriving @ leaving)  # + is left
        inward = np.sign(turn) * np.array([-arriving[1], arriving[0]])
        start = corner - arriving * radius_m * np.tan(abs(turn) / 2)
        angles = np.linspace(0, abs(turn), 2 + int(abs(turn) * radius_m / POINT_SPACING_M))[:, None]
        line.append(start + radius_m * (np.sin(angles) * arriving + (1 - np.cos(angles)) * inward))
    return np.vstack(line)


_STEPS_APART = np.minimum(*(np.subtract.outer(np.arange(160), np.arange(160)) * sign % 160 for sign in (1, -1)))


def _keeps_clear(points: np.ndarray, length_m: float, apart_m: float) -> bool:
    """Whether no two stretches come nearer than apart_m, beyond what a bend of that diameter does by itself."""
    x_m, y_m = resample(points, 160).T
    squared_m2 = np.subtract.outer(x_m, x_m) ** 2 + np.subtract.outer(y_m, y_m) ** 2
    return not (_STEPS_APART[squared_m2 <= apart_m**2] * length_m / len(x_m) > apart_m * np.pi / 2).any()


def random_track(
    rng: np.random.Generator, corners: int, room_m: float, tightest_radius_m: float, width_m: float
) -> Track:
    """A closed track of straights and arcs, the tightest of the given radius, driven clockwise or counter-clockwise.

    Corners are thrown about a circle that fits a room of room_m across and rounded, one with the tightest radius, the
    others with any that fits, small ones more often. Drawn again, in a room a little larger, until each corner has
    space for its arc and the road keeps clear of itself.
    """
    while True:
        angles = (np.arange(corners) + rng.uniform(-0.4, 0.4, corners)) * 2 * np.pi / corners
        distance_m = rng.uniform(0.3, 1.0, corners) * room_m / 2
        polygon = distance_m[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        edges = np.roll(polygon, -1, 0) - polygon
        headings = np.arctan2(edges[:, 1], edges[:, 0])
        turns = np.abs((headings - np.roll(headings, 1) + np.pi) % (2 * np.pi) - np.pi)
        lengths_m = np.linalg.norm(edges, axis=1)
        largest_m = np.minimum(lengths_m, np.roll(lengths_m, 1)) / 2 / np.tan(turns / 2)
        room_m *= 1.03
        if (largest_m < tightest_radius_m).any():
            continue
        radii_m = tightest_radius_m + (np.minimum(largest_m, 5.0) - tightest_radius_m) * rng.uniform(size=corners) ** 2
        radii_m[turns.argmax()] = tightest_radius_m
        points = _round_corners(polygon, radii_m)
        length_m = float(np.linalg.norm(np.roll(points, -1, 0) - points, axis=1).sum())
        if _keeps_clear(points, length_m, width_m + CLEARANCE_M):
            break
    if rng.uniform() < 0.5:
        points = points[::-1]
    return Track(resample(points, round(length_m / POINT_SPACING_M)), width_m)


def draw_track(rng: np.random.Generator, scene: Scene) -> Track:
    """A track of the scene's shape."""
    if scene.track_shape == "corners":
        return random_track(rng, scene.track_corners, scene.room_m, scene.tightest_radius_m, scene.road_width_m)
    shape = {"blocks": _blocks, "eight": _eight}[scene.track_shape]
    points = shape(rng, scene)
    turn = rng.choice([0.0, rng.uniform(0, 2 * np.pi)], p=[0.7, 0.3])  # most lie along the room's walls
    points = points @ np.array(((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))))
    length_m = float(np.linalg.norm(np.roll(points, -1, 0) - points, axis=1).sum())
    return Track(resample(points[:: rng.choice([-1, 1])], round(length_m / POINT_SPACING_M)), scene.road_width_m)


def _blocks(rng: np.random.Generator, scene: Scene) -> np.ndarray:
    """Right angles and long straights: ovals, and rings with a side or a corner dented, as they fit into a room."""
    least_m = 2 * scene.tightest_radius_m
    while True:
        long_m = max(scene.room_m * rng.uniform(0.5, 1.0), 1.05 * least_m)
        wide_m = max(long_m * rng.uniform(0.3, 1.0), 1.02 * least_m)
        polygon = np.array(((0, 0), (long_m, 0), (long_m, wide_m), (0, wide_m)))
        dent_m = rng.uniform(least_m, max(least_m, wide_m - scene.road_width_m - CLEARANCE_M))
        kind = rng.choice(["oval", "corner", "side"], p=[0.5, 0.25, 0.25])
        if kind == "corner" and long_m > 2 * least_m and wide_m > 2 * least_m:
            at_m = rng.uniform(least_m, long_m - least_m)
            dent = ((long_m, wide_m - dent_m), (at_m, wide_m - dent_m), (at_m, wide_m))
            polygon = np.array(((0, 0), (long_m, 0), *dent, (0, wide_m)))
        elif kind == "side" and long_m > 3 * least_m and wide_m > 2 * least_m:
            at_m = rng.uniform(least_m, long_m - 2 * least_m)
            to_m = rng.uniform(at_m + least_m, long_m - least_m)
            dent = ((to_m, wide_m), (to_m, wide_m - dent_m), (at_m, wide_m - dent_m), (at_m, wide_m))
            polygon = np.array(((0, 0), (long_m, 0), (long_m, wide_m), *dent, (0, wide_m)))
        sides_m = np.linalg.norm(np.roll(polygon, -1, 0) - polygon, axis=1)
        largest_m = np.minimum(sides_m, np.roll(sides_m, 1)).min() / 2
        radius_m = scene.tightest_radius_m + max(0.0, largest_m - scene.tightest_radius_m) * rng.uniform() ** 2
        points = _round_corners(polygon, np.full(len(polygon), radius_m))
        fits = largest_m >= scene.tightest_radius_m
        if fits and _keeps_clear(points, sides_m.sum(), scene.road_width_m + CLEARANCE_M):
            return points


def _eight(rng: np.random.Generator, scene: Scene) -> np.ndarray:
    """Two loops that cross in the middle: (sin t, sin 2t), as broad as its tightest bend allows."""
    along = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    points = np.stack([rng.uniform(1.2, 2.2) * np.sin(along), np.sin(2 * along)], axis=1)
    tightest_m = 1 / np.abs(Track(points, 0.0).curvature_per_m).max()
    return points * scene.tightest_radius_m / tightest_m * rng.uniform(1.0, 1.5)
