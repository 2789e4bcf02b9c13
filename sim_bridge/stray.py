"""What lies on the floor and is not the road's course: bars across it, other lines, cables, sheets, tape."""

import numpy as np

from sim_bridge.canvas import Canvas
from sim_bridge.scene import RGB, Scene, luma
from sim_bridge.track import Track


def strew(canvas: Canvas, track: Track, scene: Scene, rng: np.random.Generator) -> None:
    """Lines and shapes anywhere on the floor; the road's own lines are laid over them."""
    for _ in range(scene.stray_shapes):
        _shape(canvas, track, scene, rng)
    for _ in range(scene.stray_lines):
        canvas.line([_course(canvas, rng)], _colour(scene, rng), rng.uniform(0.01, 0.06), closed=False)


def bars(canvas: Canvas, track: Track, scene: Scene, rng: np.random.Generator) -> None:
    """Zebra crossings, chequered start lines and stop lines, in the colour of the edges."""
    for _ in range(scene.zebras):
        at, along_m = int(rng.integers(len(track.points))), rng.uniform(0.1, 0.5)
        stripes = int(rng.integers(3, 9))
        edges_m = np.linspace(-1, 1, 2 * stripes) * track.width_m / 2 * rng.uniform(0.7, 0.95)
        rows = int(rng.choice([1, 1, 2]))  # two rows, one shifted: chequered
        for row in range(rows):
            for right_m, left_m in zip(edges_m[row::2], edges_m[row + 1 :: 2], strict=False):
                begin_m, end_m = along_m * row / rows, along_m * (row + 1) / rows
                canvas.area(_across(track, at, begin_m, end_m, right_m, left_m), scene.edge_colour)
    for _ in range(scene.stop_lines):
        at, half_m = int(rng.integers(len(track.points))), track.width_m / 2
        right_m, left_m = ((-half_m, half_m), (-half_m, 0.0), (0.0, half_m))[rng.integers(3)]
        canvas.area(_across(track, at, 0.0, rng.uniform(0.02, 0.1), right_m, left_m), scene.edge_colour)


def _across(track: Track, at: int, begin_m: float, end_m: float, right_m: float, left_m: float) -> np.ndarray:
    """An oblong on the road, (4, 2) metres: from begin to end along it and from right to left of its middle."""
    ahead = track.tangents[at]
    aside = np.array((-ahead[1], ahead[0]))
    corners = ((begin_m, right_m), (begin_m, left_m), (end_m, left_m), (end_m, right_m))
    return np.array([track.points[at] + along_m * ahead + across_m * aside for along_m, across_m in corners])


def _colour(scene: Scene, rng: np.random.Generator) -> RGB:
    """Rarely that of the lines: two of three are on the other side of the floor's brightness."""
    floor, line = luma(scene.ground_colour), luma(scene.edge_colour)
    brighter = (line > floor) == (rng.uniform() < 0.33)
    grey = rng.uniform(floor, 250) if brighter else rng.uniform(5, floor)
    red, green, blue = grey * (1 - 0.4 * rng.uniform(size=3))
    return red, green, blue


def _course(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """A line of tape, straight or round as on a sports field, or a cable that winds, (n, 2) metres."""
    start, kind = canvas.anywhere(rng), rng.uniform()
    length_m = rng.uniform(0.5, 1.2 * max(canvas.size_m))
    steps = np.linspace(0, 1, 40)
    if kind < 0.5:
        bend = np.zeros(40)
    elif kind < 0.75:
        bend = steps * length_m / rng.uniform(0.8, 4)
    else:
        bend = np.cumsum(rng.normal(0, 0.35, 40))
    heading = bend * rng.choice([-1, 1]) + rng.uniform(0, 2 * np.pi)
    return start + np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1) * length_m / 40, axis=0)


def _shape(canvas: Canvas, track: Track, scene: Scene, rng: np.random.Generator) -> None:
    """A sheet, a stain or a corner of tape beside the road."""
    at, aside_m = int(rng.integers(len(track.points))), track.width_m * rng.uniform(0.75, 2.5) * rng.choice([-1, 1])
    middle, size_m = track.offset(aside_m)[at], rng.uniform(0.05, 0.5)
    if np.linalg.norm(track.points - middle, axis=1).min() < track.width_m / 2 + size_m:
        return  # it would cover the road
    turn = rng.uniform(0, 2 * np.pi)
    corners = {3: 0.2, 4: 0.5, 5: 0.1, 20: 0.2}  # 20 are a disc
    count = int(rng.choice(list(corners), p=list(corners.values())))
    angles = turn + np.arange(count) * 2 * np.pi / count
    outline = middle + size_m * np.stack([np.cos(angles), rng.uniform(0.4, 1) * np.sin(angles)], axis=1)
    if rng.uniform() < 0.5:
        canvas.area(outline, _colour(scene, rng))
    else:
        canvas.line([outline], _colour(scene, rng), rng.uniform(0.01, 0.05), closed=rng.uniform() < 0.5)
