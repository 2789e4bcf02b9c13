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

    def line(pieces_m: list[np.ndarray], colour: RGB, width_m: float, *, closed: bool) -> None:
        corners = [np.round(ground.pixels(piece) * 2**_SHIFT).astype(np.int32) for piece in pieces_m]
        thickness = max(1, round(width_m * ground.pixels_per_m))
        cv2.polylines(canvas, corners, closed, shade(colour), thickness, cv2.LINE_AA, _SHIFT)

    if scene.fill != "none":
        filled_m = track.width_m + (2 * scene.mat_m if scene.fill == "mat" else 0)
        line([track.points], scene.fill_colour, filled_m, closed=True)
    edges = {"left": 1, "right": -1}
    for name in scene.lines:
        if name in edges:
            line([track.offset(edges[name] * track.width_m / 2)], scene.edge_colour, scene.line_width_m, closed=True)
        elif name == "centre":
            line([track.points], scene.centre_colour, scene.line_width_m, closed=True)
        else:
            line(_dashes(track, scene), scene.centre_colour, scene.line_width_m, closed=False)
    _weather(canvas, scene, rng)
    return ground


def _dashes(track: Track, scene: Scene) -> list[np.ndarray]:
    """The dashes of the centre line, each (n, 2) metres."""
    per_dash = max(1, round(scene.dash_m / track.spacing_m))
    per_gap = max(1, round(scene.gap_m / track.spacing_m))
    starts = range(0, len(track.points) - per_dash, per_dash + per_gap)
    return [track.points[start : start + per_dash + 1] for start in starts]


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
