"""The painted floor: a top-down picture of the world, from which the camera samples.

Painted once per world, in luma for training or in RGB where a person or donkeycar looks on.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from sim_bridge import floors, shadows, stray
from sim_bridge.across import Across, laid_across, road_across
from sim_bridge.canvas import Canvas, Shade
from sim_bridge.lines import MARKS, laid
from sim_bridge.room import Room
from sim_bridge.scene import Scene
from sim_bridge.track import Track

MARGIN_M = 2.5  # floor beyond the outermost bend that is painted; farther off it is plain
LEVELS = 4  # of a floor that is averaged for far pixels, each half as fine as the one before


@dataclass(frozen=True)
class Ground:
    """picture: uint8 (rows, columns) luma or (rows, columns, 3) RGB; row 0, column 0 is the world point origin_m, rows
    grow with y and columns with x. wall: what the camera sees where nothing is painted. coarser: the same floor, each
    half as fine as the one before."""

    picture: np.ndarray
    origin_m: tuple[float, float]
    pixels_per_m: float
    wall: tuple[float, ...]
    coarser: tuple["Ground", ...] = ()


def paint(track: Track, room: Room, scene: Scene, shade: Shade, rng: np.random.Generator) -> Ground:
    """Paint the floor of a scene. The same scene and random state give the same floor, in luma or in RGB."""
    low_m = np.maximum(room.low_m, track.points.min(axis=0) - MARGIN_M)
    high_m = np.minimum(room.high_m, track.points.max(axis=0) + MARGIN_M)
    canvas = Canvas(low_m, high_m, scene.ground_colour, shade)
    if scene.floor != "plain":
        floors.lay(canvas, scene, rng)
    across = [road_across(track, rng) for _ in range(scene.roads_across)]
    if scene.fill != "none":
        _fill(canvas, track, scene, across)
        if scene.fill_sheen:
            _crease(canvas, scene, rng)
    stray.strew(canvas, track, scene, rng)
    bare = canvas.picture.copy() if scene.line_worn else None
    stray.bars(canvas, track, scene, rng)
    for name in scene.lines:
        pieces_m, closed = laid(track, scene, name, rng)
        colour = scene.centre_colour if MARKS[name].centre else scene.edge_colour
        canvas.line(pieces_m, colour, scene.line_width_m, closed=closed)
        for road in across:
            canvas.line(laid_across(road, track, scene, name), colour, scene.line_width_m, closed=False)
    if bare is not None:
        _wear(canvas, bare, scene, rng)
    if scene.walls:
        shadows.fall(canvas, room, scene, rng)
    _weather(canvas, scene, rng)
    beyond = shade(scene.ground_colour if scene.walls else scene.wall_colour)
    ground = Ground(canvas.picture, canvas.origin_m, canvas.pixels_per_m, beyond)
    return replace(ground, coarser=_coarser(ground)) if scene.camera_area else ground


def _fill(canvas: Canvas, track: Track, scene: Scene, across: list[Across]) -> None:
    """The road's own ground, from the outermost line on the left to the one on the right, or a mat beyond them."""
    marks = [MARKS[name].at for name in scene.lines if abs(MARKS[name].at) <= 3 and not name.startswith("beyond")]
    right, left = min([-1.0, *marks]), max([1.0, *marks])
    margin_m = 2 * scene.mat_m if scene.fill == "mat" else 0
    middle_m = (left + right) / 2 * track.width_m / 2
    width_m = (left - right) * track.width_m / 2 + margin_m
    canvas.line([track.offset(middle_m)], scene.fill_colour, width_m, closed=True)
    canvas.line(
        [points_m + middle_m * to_left for points_m, to_left in across], scene.fill_colour, width_m, closed=False
    )


def _crease(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Folds of a mat, or scuffs of paint, that catch the light: bright spots on the fill alone, in place."""
    down, across = (int(size) for size in rng.integers(100, 400, 2))
    folds = cv2.resize(rng.standard_normal((24, 24)).astype(np.float32), (across, down), interpolation=cv2.INTER_CUBIC)
    sheen = np.clip(scene.fill_sheen * (folds - 0.8), 0, 255).astype(np.uint8)  # on a fifth of it
    picture, colour = canvas.picture, np.round(canvas.shade(scene.fill_colour))
    filled = cv2.inRange(picture, colour - 0.5, colour + 0.5)
    bright = canvas.spread(sheen)
    cv2.add(picture, bright if picture.ndim == 2 else cv2.merge([bright] * 3), dst=picture, mask=filled)


def _wear(canvas: Canvas, bare: np.ndarray, scene: Scene, rng: np.random.Generator) -> None:
    """Let the floor without its lines show through in spots of 2 to 10 cm, in place."""
    size = int(rng.integers(64, 320))
    spots = cv2.resize(rng.uniform(size=(32, 32)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    worn = (spots < np.quantile(spots, scene.line_worn)).astype(np.uint8)
    cv2.copyTo(bare, canvas.spread(worn), canvas.picture)


def _weather(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Unevenness of floor and light, slow and fine, in place."""
    picture = canvas.picture
    rows, columns = picture.shape[:2]
    cells = rng.uniform(1 - scene.ground_blotches, 1 + scene.ground_blotches, (rows // 80 + 2, columns // 80 + 2))
    blotches = cv2.resize(np.round(128 * cells).astype(np.uint8), (columns, rows), interpolation=cv2.INTER_LINEAR)
    # grain is one small patch repeated: the eye does not see it, and a random number per pixel costs 20 times more
    patch = np.clip(128 + scene.ground_grain * rng.standard_normal((256, 256)), 0, 255).astype(np.uint8)
    grain = canvas.spread(patch)
    if picture.ndim == 3:
        blotches, grain = cv2.merge([blotches] * 3), cv2.merge([grain] * 3)
    cv2.multiply(picture, blotches, dst=picture, scale=1 / 128)
    cv2.addWeighted(picture, 1, grain, 1, -128, dst=picture)


def _coarser(ground: Ground) -> tuple[Ground, ...]:
    levels = [ground]
    for _ in range(LEVELS - 1):
        fine = levels[-1]
        half = cv2.resize(fine.picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        # A pixel's middle lies half a fine pixel further on than that of the first it is made of.
        origin_m = (fine.origin_m[0] + 0.5 / fine.pixels_per_m, fine.origin_m[1] + 0.5 / fine.pixels_per_m)
        levels.append(Ground(half, origin_m, fine.pixels_per_m / 2, fine.wall))
    return tuple(levels[1:])
