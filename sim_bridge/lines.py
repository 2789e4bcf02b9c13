"""The lines of a road: which there can be, and where people have really laid them."""

from typing import NamedTuple

import numpy as np

from sim_bridge.scene import Scene
from sim_bridge.track import Track

OVERLAP_M = 0.02  # a line may come so much nearer to the road's centre than it should be


class Mark(NamedTuple):
    """at: how far left of the centre line, in halves of the road's width; centre: it has the centre line's colour."""

    at: float
    dashed: bool = False
    centre: bool = False


MARKS = {
    "left": Mark(1),
    "right": Mark(-1),
    "centre": Mark(0, centre=True),
    "dashes": Mark(0, dashed=True, centre=True),
    # lanes of the road, of which the car drives one or all
    "left lane": Mark(0.5, dashed=True),
    "right lane": Mark(-0.5, dashed=True),
    "left dashes": Mark(1, dashed=True, centre=True),
    "right dashes": Mark(-1, dashed=True, centre=True),
    "left centre": Mark(1, centre=True),
    "right centre": Mark(-1, centre=True),
    "far left": Mark(3),
    "far right": Mark(-3),
    # a line of another road that passes beside this one
    "beyond left": Mark(1.7),
    "beyond right": Mark(-1.7),
}


def laid(track: Track, scene: Scene, name: str, rng: np.random.Generator) -> tuple[list[np.ndarray], bool]:
    """The line of that name as it lies on the floor: its pieces, each (n, 2) metres, and whether each is closed.

    Draws from rng only for what the scene's tape has: so a scene with perfect lines draws nothing.
    """
    mark = MARKS[name]
    half_m = track.width_m / 2
    at_m: float | np.ndarray = mark.at * half_m
    if scene.road_sway:
        at_m = at_m * (1 + scene.road_sway * _wave(track, 2.0, rng))
    if scene.line_wobble_m:
        at_m = at_m + scene.line_wobble_m * _wave(track, 0.6, rng)
    keep = np.ones(len(track.points), bool)
    if scene.line_missing:
        keep &= ~_come_off(track, scene.line_missing, rng)
    strips_m = [0.0]
    if scene.line_double_m and not mark.dashed:
        apart_m = (scene.line_double_m + scene.line_width_m) / 2
        strips_m = [-apart_m, apart_m]
    pieces, closed = [], not mark.dashed and scene.tape_piece_m <= track.spacing_m
    for strip_m in strips_m:
        line = track.offset(at_m + strip_m)
        on_floor = keep
        if np.abs(at_m).max() > min(1.4 * half_m, 0.9 * scene.tightest_radius_m):
            on_floor = keep & _clear_of_the_road(track, line, np.abs(at_m) - OVERLAP_M)
        closed &= bool(on_floor.all())
        if closed:
            pieces.append(line)
        elif mark.dashed:
            pieces += [piece for dash in dashes(line, track.spacing_m, scene) for piece in _runs(line, on_floor, *dash)]
        else:
            pieces += [_straightened(run, track, scene) for run in _runs(line, on_floor, 0, len(line) + 1)]
    return pieces, closed


def dashes(line: np.ndarray, spacing_m: float, scene: Scene) -> list[tuple[int, int]]:
    """Where each dash begins and ends, as indices of the line's points."""
    per_dash = max(1, round(scene.dash_m / spacing_m))
    per_gap = max(1, round(scene.gap_m / spacing_m))
    return [(start, start + per_dash + 1) for start in range(0, len(line) - per_dash, per_dash + per_gap)]


def _runs(line: np.ndarray, keep: np.ndarray, start: int, end: int) -> list[np.ndarray]:
    """The stretches of line[start:end] that are kept, of two points or more; the line is closed, so indices wrap."""
    at = np.arange(start, end) % len(line)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], keep[at], [False]]).astype(int)))
    return [line[at[first:last]] for first, last in edges.reshape(-1, 2) if last - first > 1]


def _straightened(run: np.ndarray, track: Track, scene: Scene) -> np.ndarray:
    """The run laid in straight pieces of tape."""
    every = max(1, round(scene.tape_piece_m / track.spacing_m))
    return np.concatenate([run[:-1:every], run[-1:]])


def _wave(track: Track, shortest_m: float, rng: np.random.Generator) -> np.ndarray:
    """Something that changes smoothly along the track, float64 (n,), within -1 .. +1; no wave is shorter."""
    most = max(2, int(track.length_m / shortest_m))
    cycles, phases = rng.integers(1, most + 1, 5), rng.uniform(0, 2 * np.pi, 5)
    along = np.linspace(0, 2 * np.pi, len(track.points), endpoint=False)
    return np.sin(cycles * along[:, None] + phases).mean(axis=1) / 0.8


def _come_off(track: Track, share: float, rng: np.random.Generator) -> np.ndarray:
    """Which points of a line have come off the floor, bool (n,): bits of 5 to 60 cm."""
    count = len(track.points)
    gone = np.zeros(count, bool)
    while gone.mean() < share:
        start, length = rng.integers(count), rng.uniform(0.05, 0.6) / track.spacing_m
        gone[np.arange(start, start + 1 + round(length)) % count] = True
    return gone


def _clear_of_the_road(track: Track, line: np.ndarray, least_m: np.ndarray | float) -> np.ndarray:
    """Which points of a line, bool (n,), are at least so far from the whole centre line.

    Inside a tight bend, and where another stretch passes, the line would else lie on the road.
    """
    x_m, y_m = track.points[::2].T.astype(np.float32)
    squared_m2 = np.subtract.outer(line[:, 0].astype(np.float32), x_m) ** 2
    squared_m2 += np.subtract.outer(line[:, 1].astype(np.float32), y_m) ** 2
    return squared_m2.min(axis=1) >= np.maximum(least_m, 0) ** 2
