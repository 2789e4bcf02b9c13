"""The painted floor: a top-down picture of the world, from which the camera samples.

Painted once per world, in luma for training or in RGB where a person or donkeycar looks on.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sim_bridge.distributions import RGB, Scene
from sim_bridge.track import Track

PIXELS_PER_M = 100  # 1 cm: two pixels across the thinnest line
MOST_PIXELS = 40_000_000  # of a floor; larger halls are painted more coarsely
MARGIN_M = 2.5  # floor beyond the outermost bend; then the wall begins
CROSSING_M = 6.0  # of road across the driven one: 3 m to each side, more than shows in the policy's picture
_SHIFT = 4  # cv2 draws with 4 binary digits after the point, so lines do not snap to pixels

LUMA_BT601 = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Ground:
    """picture: uint8 (rows, columns) luma or (rows, columns, 3) RGB; row 0, column 0 is the world point origin_m, rows
    grow with y and columns with x. wall: what the camera sees where there is no floor."""

    picture: np.ndarray
    origin_m: tuple[float, float]
    pixels_per_m: float
    wall: tuple[float, ...]

    def pixels(self, points_m: np.ndarray) -> np.ndarray:
        """World points, (n, 2) metres -> picture coordinates, (n, 2), column and row."""
        return (points_m - self.origin_m) * self.pixels_per_m


def luma(colour: RGB) -> float:
    """BT.601 grey of an RGB colour, as in models/observation.py."""
    return float(np.dot(colour, LUMA_BT601))


def paint(track: Track, scene: Scene, rng: np.random.Generator, *, rgb: bool) -> Ground:
    """Paint the floor of a scene. The same scene and random state give the same floor, in luma or in RGB."""

    def shade(colour: RGB) -> tuple[float, ...]:
        lit = tuple(min(255.0, scene.light * value) for value in colour)
        return lit if rgb else (luma(lit),)

    low = track.points.min(axis=0) - MARGIN_M
    size_m = track.points.max(axis=0) + MARGIN_M - low
    pixels_per_m = min(PIXELS_PER_M, np.sqrt(MOST_PIXELS / size_m.prod()))
    columns, rows = np.ceil(size_m * pixels_per_m).astype(int)
    canvas = np.empty((rows, columns, 3) if rgb else (rows, columns), np.uint8)
    canvas[...] = np.round(shade(scene.ground_colour))
    ground = Ground(canvas, (float(low[0]), float(low[1])), float(pixels_per_m), shade(scene.wall_colour))

    across = [road_across(track, rng) for _ in range(scene.crossings)]

    def line(left_m: float, colour: RGB, width_m: float, *, dashed: bool = False) -> None:
        """Left of the driven road's centre, all along it, and of the roads' across it."""
        thickness = max(1, round(width_m * ground.pixels_per_m))
        roads = [(track.offset(left_m), True)] + [(points_m + left_m * left, False) for points_m, left in across]
        for points_m, closed in roads:
            pieces_m = _dashes(points_m, track.spacing_m, scene) if dashed else [points_m]
            corners = [np.round(ground.pixels(piece) * 2**_SHIFT).astype(np.int32) for piece in pieces_m]
            cv2.polylines(canvas, corners, closed and not dashed, shade(colour), thickness, cv2.LINE_AA, _SHIFT)

    if scene.fill != "none":
        line(0.0, scene.fill_colour, track.width_m + (2 * scene.mat_m if scene.fill == "mat" else 0))
    edges = {"left": track.width_m / 2, "right": -track.width_m / 2}
    for name in scene.lines:
        if name in edges:
            line(edges[name], scene.edge_colour, scene.line_width_m)
        else:
            line(0.0, scene.centre_colour, scene.line_width_m, dashed=name == "dashes")
    _weather(canvas, scene, rng)
    return ground


def road_across(track: Track, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A straight road across the driven one: its centre line, float64 (n, 2) metres, and the unit vector to its left.

    Its middle is a random point of the track, passed at 60 to 120 degrees to the road there. Drawn again, a little
    shorter, until it meets each stretch it reaches at 45 or more: laid along one it would hide where that one goes.
    """
    length_m = CROSSING_M
    while True:
        at, turn = rng.integers(len(track.points)), np.radians(rng.uniform(60, 120))
        to_left = track.offset(1.0)[at] - track.points[at]
        way = np.cos(turn) * track.tangents[at] + np.sin(turn) * to_left
        left = np.array([-way[1], way[0]])
        away_m = track.points - track.points[at]
        met = (np.abs(away_m @ left) < track.width_m) & (np.abs(away_m @ way) < length_m / 2)
        if (np.abs(track.tangents[met] @ left) > np.sin(np.pi / 4)).all():
            along_m = np.arange(-length_m / 2, length_m / 2, track.spacing_m)  # as _dashes takes it
            return track.points[at] + along_m[:, None] * way, left
        length_m *= 0.95


def _dashes(points_m: np.ndarray, spacing_m: float, scene: Scene) -> list[np.ndarray]:
    """The dashes of a centre line, each (n, 2) metres."""
    per_dash = max(1, round(scene.dash_m / spacing_m))
    per_gap = max(1, round(scene.gap_m / spacing_m))
    starts = range(0, len(points_m) - per_dash, per_dash + per_gap)
    return [points_m[start : start + per_dash + 1] for start in starts]


def _weather(canvas: np.ndarray, scene: Scene, rng: np.random.Generator) -> None:
    """Unevenness of floor and light, slow and fine, in place."""
    rows, columns = canvas.shape[:2]
    cells = rng.uniform(1 - scene.ground_blotches, 1 + scene.ground_blotches, (rows // 80 + 2, columns // 80 + 2))
    blotches = cv2.resize(np.round(128 * cells).astype(np.uint8), (columns, rows), interpolation=cv2.INTER_LINEAR)
    # grain is one small patch repeated: the eye does not see it, and a random number per pixel costs 20 times more
    patch = np.clip(128 + scene.ground_grain * rng.standard_normal((256, 256)), 0, 255).astype(np.uint8)
    grain = cv2.copyMakeBorder(patch, 0, rows - 256, 0, columns - 256, cv2.BORDER_WRAP)
    if canvas.ndim == 3:
        blotches, grain = cv2.merge([blotches] * 3), cv2.merge([grain] * 3)
    cv2.multiply(canvas, blotches, dst=canvas, scale=1 / 128)
    cv2.addWeighted(canvas, 1, grain, 1, -128, dst=canvas)
