"""Pictures of what is upright: walls with furniture, windows and doors before them, and the sides of things.

All that can stand before a wall is painted once, in a long row, the same in every process. A world takes pieces of it.
"""

from functools import cache

import cv2
import numpy as np

from sim_bridge.scene import LUMA_BT601, RGB, Scene

TALL_M = 2.5  # so much of the walls is painted; above it, their last row goes on
PIXELS_PER_M = 25  # of the walls: 4 cm, as fine as what stands 2 m away is seen
STOCK_M = 300.0
SIDES, SIDE = 200, 24  # pictures of things, and pixels of one, either way


def paint_walls(length_m: float, scene: Scene, rng: np.random.Generator, *, rgb: bool) -> np.ndarray:
    """All walls in a row, uint8 (rows, columns[, 3]); the last row is the floor's edge."""
    stock, taken = _stock()
    rows, columns = len(stock), round(length_m * PIXELS_PER_M)
    picture = np.empty((rows, columns, 3), np.uint8)
    picture[...] = np.round(scene.wall_colour)
    skirting = round(rng.uniform(0.03, 0.15) * PIXELS_PER_M)
    picture[rows - skirting :] = np.round(_colour(rng))
    at = 0
    while at < columns:
        width = min(round(rng.uniform(0.5, 4) * PIXELS_PER_M), columns - at)
        start, way = int(rng.integers(stock.shape[1] - width)), int(rng.choice([-1, 1]))
        if rng.uniform() < scene.clutter:
            piece = slice(start, start + width)
            np.copyto(picture[:, at : at + width], stock[:, piece][:, ::way], where=taken[:, piece, None][:, ::way])
        at += width
    unlike = rng.uniform(0.7, 1.3, (3, max(2, columns // 40))).astype(np.float32)  # lamp light is uneven
    lit = cv2.resize(unlike, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return in_light(picture, scene, rgb=rgb, by=lit)


def paint_things(count: int, scene: Scene, rng: np.random.Generator, *, rgb: bool) -> np.ndarray:
    """The sides of so many things, next to each other: uint8 (SIDE, count * SIDE[, 3])."""
    chosen = _sides()[:, rng.integers(SIDES, size=max(1, count))]
    return in_light(chosen.reshape(SIDE, -1, 3), scene, rgb=rgb)


def in_light(picture: np.ndarray, scene: Scene, *, rgb: bool, by: np.ndarray | None = None) -> np.ndarray:
    """What the camera sees of colours, uint8 (rows, columns, 3), in the scene's light: RGB, or (rows, columns) luma.

    by: how much more light falls on each pixel, float32 (rows, columns).
    """
    gains = scene.light * np.array(scene.cast)
    seen = cv2.transform(picture.astype(np.float32), np.diag(gains) if rgb else gains[None] * LUMA_BT601)
    if by is not None:
        seen *= by[..., None] if rgb else by
    return np.clip(np.round(seen), 0, 255).astype(np.uint8)


@cache
def _stock() -> tuple[np.ndarray, np.ndarray]:
    """Furniture in a row, RGB uint8 (rows, columns, 3), and where there is any, bool (rows, columns)."""
    rng = np.random.default_rng(0)
    rows, columns = round(TALL_M * PIXELS_PER_M), round(STOCK_M * PIXELS_PER_M)
    painting = _Row(np.zeros((rows, columns, 3), np.uint8), np.zeros((rows, columns), bool))
    at_m = 0.0
    while at_m < STOCK_M:
        width_m = rng.uniform(0.3, 2.5)
        kind = list(_KINDS)[rng.choice(len(_KINDS), p=np.array(list(_KINDS.values())) / sum(_KINDS.values()))]
        kind(painting, round(at_m * PIXELS_PER_M), min(columns, round((at_m + width_m) * PIXELS_PER_M)), rng)
        at_m += width_m * rng.uniform(0.4, 1.3)
    return painting.picture, painting.taken


@cache
def _sides() -> np.ndarray:
    """RGB uint8 (SIDE, SIDES, SIDE, 3)."""
    rng = np.random.default_rng(1)
    sides = np.empty((SIDE, SIDES, SIDE, 3), np.float32)
    for side in range(SIDES):
        sides[:, side] = _colour(rng)
        if rng.uniform() < 0.5:  # a band, a stripe, a label
            top, tall, left = rng.integers(0, SIDE), rng.integers(2, SIDE), rng.integers(0, SIDE // 2)
            sides[top : top + tall, side, left:] = _colour(rng)
        lit = np.linspace(1, rng.uniform(0.5, 1.0), SIDE)[:: rng.choice([-1, 1])]  # from one side
        sides[:, side] *= lit[:, None]
    return sides.astype(np.uint8)


def _colour(rng: np.random.Generator) -> RGB:
    """Furniture is dark or bright more often than grey."""
    red, green, blue = 255 * rng.beta(0.7, 0.8) * (1 - 0.4 * rng.uniform(size=3))
    return float(red), float(green), float(blue)


class _Row:
    """The stock while it is painted."""

    def __init__(self, picture: np.ndarray, taken: np.ndarray) -> None:
        self.picture, self.taken = picture, taken

    def patch(self, left: int, right: int, from_m: float, to_m: float, colour: RGB) -> None:
        rows = len(self.picture)
        where = (
            slice(max(0, rows - round(to_m * PIXELS_PER_M)), rows - round(from_m * PIXELS_PER_M)),
            slice(left, right),
        )
        self.picture[where] = np.round(colour)
        self.taken[where] = True


def _cabinet(row: _Row, left: int, right: int, rng: np.random.Generator) -> None:
    """A cupboard with drawers, a desk with its back, a radiator."""
    top_m = rng.uniform(0.3, 2.2)
    row.patch(left, right, rng.choice([0, 0.08]), top_m, _colour(rng))
    joint = _colour(rng)
    for height_m in np.arange(0.1, top_m, rng.uniform(0.12, 0.6)):
        row.patch(left + 1, right - 1, height_m, height_m + 0.04, joint)


def _shelf(row: _Row, left: int, right: int, rng: np.random.Generator) -> None:
    """Boxes and books in rows, or a heap of things."""
    top_m, step_m = rng.uniform(0.4, 2.2), rng.uniform(0.15, 0.5)
    for from_m in np.arange(0, top_m, step_m):
        at = left
        while at < right:
            width = int(rng.integers(2, 14))
            row.patch(at, min(at + width, right), from_m, from_m + step_m * rng.uniform(0.4, 1), _colour(rng))
            at += width


def _table(row: _Row, left: int, right: int, rng: np.random.Generator) -> None:
    """Legs, and the dark below: chairs and desks against the wall."""
    top_m, colour = rng.uniform(0.4, 0.8), _colour(rng)
    if rng.uniform() < 0.6:
        row.patch(left, right, 0, top_m, (25.0, 25.0, 25.0))
    row.patch(left, right, top_m, top_m + rng.uniform(0.04, 0.3), colour)
    for at in range(left, right, int(rng.integers(4, 20))):
        row.patch(at, at + int(rng.integers(1, 3)), 0, top_m, colour)


def _window(row: _Row, left: int, right: int, rng: np.random.Generator) -> None:
    """Bright, down to the floor or to a sill; a lit screen."""
    row.patch(left, right, rng.choice([0.05, 0.5, 0.9]), rng.uniform(1.2, 2.5), (255.0, 255.0, 255.0))
    for at in range(left, right, int(rng.integers(10, 30))):
        row.patch(at, at + 1, 0.5, 2.5, (90.0, 90.0, 90.0))


def _door(row: _Row, left: int, right: int, rng: np.random.Generator) -> None:
    """A door, or the dark of the next room."""
    row.patch(left, min(right, left + 25), 0, 2.1, (15.0, 15.0, 15.0) if rng.uniform() < 0.4 else _colour(rng))


def _curtain(row: _Row, left: int, right: int, rng: np.random.Generator) -> None:
    """Folds; slats; a fence."""
    one, other, width = _colour(rng), _colour(rng), int(rng.integers(1, 6))
    for at in range(left, right, 2 * width):
        row.patch(at, at + width, 0, 2.5, one)
        row.patch(at + width, at + 2 * width, 0, 2.5, other)


_KINDS = {_cabinet: 4.0, _shelf: 3.0, _table: 3.0, _window: 2.0, _door: 1.5, _curtain: 1.0}
