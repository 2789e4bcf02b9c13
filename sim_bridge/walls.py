"""Pictures of what is upright: the walls all round with furniture, windows and doors, and the sides of things."""

import cv2
import numpy as np

from sim_bridge.canvas import Shade
from sim_bridge.scene import RGB, Scene

TALL_M = 2.5  # so much of the walls is painted; above it, their last row goes on
PIXELS_PER_M = 25  # of the walls: 4 cm, as fine as what stands 2 m away is seen
SIDE = 24  # pixels of the picture of a thing, either way


def paint_walls(length_m: float, scene: Scene, shade: Shade, rng: np.random.Generator) -> np.ndarray:
    """All walls in a row, uint8 (rows, columns[, 3]); the last row is the floor's edge."""
    rows, columns = round(TALL_M * PIXELS_PER_M), round(length_m * PIXELS_PER_M)
    plain = shade(scene.wall_colour)
    picture = np.empty((rows, columns, len(plain)), np.uint8)
    picture[...] = np.round(plain)
    _patch(picture, 0, columns, 0, rng.uniform(0.03, 0.15), shade(_colour(rng)))  # skirting board
    at_m = rng.uniform(0, 1)
    while at_m < length_m:
        width_m = rng.uniform(0.3, 2.5) * max(1.0, length_m / 40)  # what stands farther off is larger
        if rng.uniform() < scene.clutter:
            kind = rng.choice(list(_KINDS), p=_SHARES)
            _KINDS[kind][0](picture, round(at_m * PIXELS_PER_M), round((at_m + width_m) * PIXELS_PER_M), shade, rng)
        at_m += width_m * rng.uniform(0.4, 1.3)
    unlike = rng.uniform(0.75, 1.25, (3, max(2, columns // 40))).astype(np.float32)  # lamp light is uneven
    lit = cv2.resize(unlike, (columns, rows), interpolation=cv2.INTER_LINEAR)
    picture = np.clip(picture * lit[..., None], 0, 255).astype(np.uint8)
    return picture if len(plain) == 3 else picture[..., 0]


def paint_things(count: int, shade: Shade, rng: np.random.Generator) -> np.ndarray:
    """The sides of so many things, next to each other: uint8 (SIDE, count * SIDE[, 3])."""
    channels = len(shade((0, 0, 0)))
    picture = np.empty((SIDE, max(1, count) * SIDE, channels), np.uint8)
    for thing in range(count):
        left = thing * SIDE
        picture[:, left : left + SIDE] = np.round(shade(_colour(rng)))
        if rng.uniform() < 0.5:  # a band, a stripe, a label
            top, height = rng.integers(0, SIDE), rng.integers(2, SIDE)
            picture[top : top + height, left + rng.integers(0, SIDE // 2) : left + SIDE] = np.round(shade(_colour(rng)))
        side = np.linspace(1, rng.uniform(0.5, 1.0), SIDE)[:: rng.choice([-1, 1])]  # lit from one side
        picture[:, left : left + SIDE] = picture[:, left : left + SIDE] * side[:, None]
    return picture if channels == 3 else picture[..., 0]


def _colour(rng: np.random.Generator) -> RGB:
    """Furniture is dark or bright more often than grey."""
    red, green, blue = 255 * rng.beta(0.7, 0.8) * (1 - 0.5 * rng.uniform(size=3))
    return red, green, blue


def _patch(picture: np.ndarray, left: int, right: int, from_m: float, to_m: float, shade: tuple[float, ...]) -> None:
    rows = len(picture)
    top, bottom = max(0, rows - round(to_m * PIXELS_PER_M)), rows - round(from_m * PIXELS_PER_M)
    picture[top:bottom, left:right] = np.round(shade)


def _cabinet(picture: np.ndarray, left: int, right: int, shade: Shade, rng: np.random.Generator) -> None:
    """A cupboard with drawers, a desk with its back, a radiator."""
    top_m = rng.uniform(0.3, 2.2)
    _patch(picture, left, right, rng.choice([0, 0.08]), top_m, shade(_colour(rng)))
    joint = shade(_colour(rng))
    for height_m in np.arange(0.1, top_m, rng.uniform(0.12, 0.6)):
        _patch(picture, left + 1, right - 1, height_m, height_m + 0.04, joint)


def _shelf(picture: np.ndarray, left: int, right: int, shade: Shade, rng: np.random.Generator) -> None:
    """Boxes and books in rows, or a heap of things."""
    top_m, step_m = rng.uniform(0.4, 2.2), rng.uniform(0.15, 0.5)
    for from_m in np.arange(0, top_m, step_m):
        at = left
        while at < right:
            width = int(rng.integers(2, 14))
            to_m = from_m + step_m * rng.uniform(0.4, 1)
            _patch(picture, at, min(at + width, right), from_m, to_m, shade(_colour(rng)))
            at += width


def _table(picture: np.ndarray, left: int, right: int, shade: Shade, rng: np.random.Generator) -> None:
    """Legs, and the dark below: chairs and desks against the wall."""
    top_m, colour = rng.uniform(0.4, 0.8), shade(_colour(rng))
    if rng.uniform() < 0.6:
        _patch(picture, left, right, 0, top_m, shade((25.0, 25.0, 25.0)))
    _patch(picture, left, right, top_m, top_m + rng.uniform(0.04, 0.3), colour)
    for at in range(left, right, int(rng.integers(4, 20))):
        _patch(picture, at, at + int(rng.integers(1, 3)), 0, top_m, colour)


def _window(picture: np.ndarray, left: int, right: int, shade: Shade, rng: np.random.Generator) -> None:
    """Bright, down to the floor or to a sill; a lit screen."""
    _patch(picture, left, right, rng.choice([0.05, 0.5, 0.9]), rng.uniform(1.2, 2.5), shade((255.0, 255.0, 255.0)))
    for at in range(left, right, int(rng.integers(10, 30))):
        _patch(picture, at, at + 1, 0.5, 2.5, shade((90.0, 90.0, 90.0)))


def _door(picture: np.ndarray, left: int, right: int, shade: Shade, rng: np.random.Generator) -> None:
    """A door, or the dark of the next room."""
    right = min(right, left + 25)
    colour = shade((15.0, 15.0, 15.0) if rng.uniform() < 0.4 else _colour(rng))
    _patch(picture, left, right, 0, 2.1, colour)


def _curtain(picture: np.ndarray, left: int, right: int, shade: Shade, rng: np.random.Generator) -> None:
    """Folds; slats; a fence."""
    one, other = shade(_colour(rng)), shade(_colour(rng))
    width = int(rng.integers(1, 6))
    for at in range(left, right, 2 * width):
        _patch(picture, at, at + width, 0, 2.5, one)
        _patch(picture, at + width, at + 2 * width, 0, 2.5, other)


_KINDS = {
    "cabinet": (_cabinet, 4.0),
    "shelf": (_shelf, 3.0),
    "table": (_table, 3.0),
    "window": (_window, 2.0),
    "door": (_door, 1.5),
    "curtain": (_curtain, 1.0),
}
_SHARES = np.array([share for _, share in _KINDS.values()]) / sum(share for _, share in _KINDS.values())
