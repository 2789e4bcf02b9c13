"""The painted floor: a top-down picture of the world, from which the camera samples.

Painted once per world, in luma for training or in RGB where a person or donkeycar looks on.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sim_bridge.distributions import RGB, Scene
from sim_bridge.track import Track

PIXELS_PER_M = 100  # 1 cm: two pixels across the thinnest line
MARGIN_M = 2.5  # floor beyond the outermost bend; then the wall begins
_SHIFT = 4  # cv2 draws with 4 binary digits after the point, so lines do not snap to pixels

LUMA_BT601 = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Ground:
    """picture: uint8 (rows, columns) luma or (rows, columns, 3) RGB; row 0, column 0 is the world point origin_m, rows
    grow with y and columns with x. wall: what the camera sees where there is no floor."""

    picture: np.ndarray
    origin_m: tuple[float, float]
    wall: tuple[float, ...]

    def pixels(self, points_m: np.ndarray) -> np.ndarray:
        """World points, (n, 2) metres -> picture coordinates, (n, 2), column and row."""
        return (points_m - self.origin_m) * PIXELS_PER_M


def luma(colour: RGB) -> float:
    """BT.601 grey of an RGB colour, as in models/observation.py."""
    return float(np.dot(colour, LUMA_BT601))


def paint(track: Track, scene: Scene, rng: np.random.Generator, *, rgb: bool) -> Ground:
    """Paint the floor of a scene. The same scene and random state give the same floor, in luma or in RGB."""

    def shade(colour: RGB) -> tuple[float, ...]:
        lit = tuple(min(255.0, scene.light * value) for value in colour)
        return lit if rgb else (luma(lit),)

    low = track.points.min(axis=0) - MARGIN_M
    columns, rows = np.ceil((track.points.max(axis=0) + MARGIN_M - low) * PIXELS_PER_M).astype(int)
    canvas = np.empty((rows, columns, 3) if rgb else (rows, columns), np.uint8)
    canvas[...] = np.round(shade(scene.ground_colour))
    ground = Ground(canvas, (float(low[0]), float(low[1])), shade(scene.wall_colour))

    def line(points_m: np.ndarray, colour: RGB, *, closed: bool) -> None:
        corners = np.round(ground.pixels(points_m) * 2**_SHIFT).astype(np.int32)
        thickness = max(1, round(scene.line_width_m * PIXELS_PER_M))
        cv2.polylines(canvas, [corners], closed, shade(colour), thickness, cv2.LINE_AA, _SHIFT)

    for side in (-1, 1):
        line(track.offset(side * track.width_m / 2), scene.edge_colour, closed=True)
    per_dash = max(1, round(scene.dash_m / track.spacing_m))
    per_gap = max(1, round(scene.gap_m / track.spacing_m))
    for start in range(0, len(track.points) - per_dash, per_dash + per_gap):
        line(track.points[start : start + per_dash + 1], scene.centre_colour, closed=False)

    _weather(canvas, scene, rng)
    return ground


def _weather(canvas: np.ndarray, scene: Scene, rng: np.random.Generator) -> None:
    """Unevenness of floor and light, slow and fine, in place."""
    rows, columns = canvas.shape[:2]
    cells = rng.uniform(1 - scene.ground_blotches, 1 + scene.ground_blotches, (rows // 80 + 2, columns // 80 + 2))
    blotches = cv2.resize(np.round(128 * cells).astype(np.uint8), (columns, rows), interpolation=cv2.INTER_LINEAR)
    # grain is one small patch repeated: the eye does not see it, and a random number per pixel costs 20 times more
    patch = np.clip(128 + scene.ground_grain * rng.standard_normal((256, 256)), 0, 255).astype(np.uint8)
    grain = np.tile(patch, (rows // 256 + 1, columns // 256 + 1))[:rows, :columns]
    if canvas.ndim == 3:
        blotches, grain = cv2.merge([blotches] * 3), cv2.merge([grain] * 3)
    cv2.multiply(canvas, blotches, dst=canvas, scale=1 / 128)
    cv2.addWeighted(canvas, 1, grain, 1, -128, dst=canvas)
