"""Closed tracks: drawn at random, and the geometry of their centre line.

World coordinates in metres, x right, y up, headings counter-clockwise from x in radians.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

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

    def offset(self, left_m: float) -> np.ndarray:
        """The line that runs left_m to the left of the centre (negative: to the right), float64 (n, 2)."""
        tangent_x, tangent_y = self.tangents.T
        return self.points + left_m * np.stack([-tangent_y, tangent_x], axis=1)


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
