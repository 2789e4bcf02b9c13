"""What floors are made of: one small picture of each kind, repeated until it covers the room."""

from collections.abc import Callable

import cv2
import numpy as np

from sim_bridge.canvas import Canvas
from sim_bridge.scene import Scene

Tile = tuple[np.ndarray, np.ndarray]  # float32 (rows, columns): brightness, 1 is plain; share of the second colour


def lay(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Cover the canvas with the scene's floor. Its pieces lie along the axes, as most do along the room's walls."""
    bright, second = KINDS[scene.floor](scene, canvas.pixels_per_m, rng)
    bright, second = bright[..., None], second[..., None]
    colours = np.array((canvas.shade(scene.ground_colour), canvas.shade(scene.floor_colour2)), np.float32)
    tile = bright * (colours[0] + second * (colours[1] - colours[0]))
    tile = np.clip(np.round(tile), 0, 255).astype(np.uint8)
    canvas.picture[...] = canvas.spread(tile if tile.shape[2] == 3 else tile[..., 0])


def _plain(rows: int, columns: int) -> Tile:
    return np.ones((rows, columns), np.float32), np.zeros((rows, columns), np.float32)


def _noise(rows: int, columns: int, cell_rows: int, cell_columns: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise without a seam where the picture repeats, float32 (rows, columns), standard deviation 1."""
    cells = rng.standard_normal((max(2, rows // cell_rows), max(2, columns // cell_columns))).astype(np.float32)
    cells = np.pad(cells, ((0, 1), (0, 1)), mode="wrap")
    height, width = cells.shape
    tall, wide = rows * height // (height - 1), columns * width // (width - 1)
    return cv2.resize(cells, (wide, tall), interpolation=cv2.INTER_LINEAR)[:rows, :columns]


def _shades(count: tuple[int, int], scene: Scene, rng: np.random.Generator) -> np.ndarray:
    return (1 + scene.floor_unlike * rng.uniform(-1, 1, count)).astype(np.float32)


def _planks(scene: Scene, pixels_per_m: float, rng: np.random.Generator) -> Tile:
    """Boards with grain along them, joints between, ends that do not line up."""
    width = max(4, round(min(scene.floor_piece_m, 0.25) * pixels_per_m))
    boards, length = max(6, 320 // width), round(rng.uniform(0.5, 1.6) * pixels_per_m)
    rows, columns = boards * width, 4 * length
    bright, second = _plain(rows, columns)
    bright += 0.04 * rng.uniform(0.0, 1.3) * _noise(rows, columns, 1, int(rng.integers(12, 60)), rng)
    joint = max(1, round(rng.uniform(0.002, 0.008) * pixels_per_m))
    shades, joints = _shades((boards, 4), scene, rng), np.zeros((rows, columns), bool)
    for board in range(boards):
        own = slice(board * width, (board + 1) * width)
        start = int(rng.integers(length))
        for piece in range(4):
            at = np.arange(start + piece * length, start + (piece + 1) * length) % columns
            bright[own, at] *= shades[board, piece]
            joints[own, at[:joint]] = True
        joints[own][:joint] = True
    bright[joints] = scene.floor_joint
    return (bright, second) if rng.uniform() < 0.5 else (bright.T.copy(), second.T.copy())


def _tiles(scene: Scene, pixels_per_m: float, rng: np.random.Generator) -> Tile:
    """Squares or oblongs with grout between, in rows that are shifted or not. Foam mats and carpet tiles, too."""
    height = max(6, round(max(scene.floor_piece_m, 0.1) * pixels_per_m))
    width = round(height * rng.choice([1, 1, 1.5, 2]))
    down, across = 2 * max(1, 160 // height), max(2, 320 // width)
    bright, second = _plain(down * height, across * width)
    joint_px = rng.uniform(0.002, 0.015) * pixels_per_m
    joint = max(1, round(joint_px))
    colour = 1 + (scene.floor_joint - 1) * min(1.0, joint_px)  # a joint thinner than a pixel is a pale one
    shades, joints = _shades((down, across), scene, rng), np.zeros(bright.shape, bool)
    shift = int(rng.choice([0, 0, width // 2]))
    for row in range(down):
        own = slice(row * height, (row + 1) * height)
        for column in range(across):
            at = np.arange(column * width + shift * (row % 2), (column + 1) * width + shift * (row % 2))
            at %= across * width
            bright[own, at] *= shades[row, column]
            joints[own, at[:joint]] = True
        joints[own][:joint] = True
    bright[joints] = colour
    bright += 0.03 * rng.uniform() * _noise(*bright.shape, 12, 12, rng)
    return bright, second


def _carpet(scene: Scene, pixels_per_m: float, rng: np.random.Generator) -> Tile:
    """Loops and flecks: coarse grain, now and then in rows."""
    bright, second = _plain(256, 256)
    bright += rng.uniform(0.0, 0.06) * _noise(256, 256, 2, 2, rng)
    bright += rng.uniform(0.0, 0.05) * _noise(256, 256, 8, int(rng.choice([8, 64])), rng)
    if rng.uniform() < 0.3:  # flecks of the second colour
        second[rng.uniform(size=(256, 256)) < rng.uniform(0.02, 0.2)] = rng.uniform(0.2, 0.8)
    return bright, second


def _concrete(scene: Scene, pixels_per_m: float, rng: np.random.Generator) -> Tile:
    """Clouds of every size, cracks, wide joints between slabs."""
    bright, second = _plain(512, 512)
    for cell in (4, 16, 64):
        bright += rng.uniform(0.0, 0.04) * _noise(512, 512, cell, cell, rng)
    for _ in range(int(rng.integers(0, 4))):
        steps = np.cumsum(rng.normal(0, 0.35, 60)) + rng.uniform(0, 2 * np.pi)
        crack = rng.uniform(0, 512, 2) + np.cumsum(6 * np.stack([np.cos(steps), np.sin(steps)], axis=1), axis=0)
        cv2.polylines(bright, [np.round(crack).astype(np.int32)], False, float(rng.uniform(0.4, 0.8)), 1, cv2.LINE_AA)
    if rng.uniform() < 0.3:
        bright[:2] *= scene.floor_joint
        bright[:, :2] *= scene.floor_joint
    return bright, second


def _asphalt(scene: Scene, pixels_per_m: float, rng: np.random.Generator) -> Tile:
    """Stones, bright and dark, and tar."""
    bright, second = _plain(384, 384)
    bright += rng.uniform(0.02, 0.12) * rng.standard_normal((384, 384)).astype(np.float32)
    bright += rng.uniform(0.0, 0.1) * _noise(384, 384, 24, 24, rng)
    return np.maximum(bright, 0.1), second


def _checks(scene: Scene, pixels_per_m: float, rng: np.random.Generator) -> Tile:
    """Squares of two colours in turn, strongly or hardly different."""
    size = max(6, round(max(scene.floor_piece_m, 0.1) * pixels_per_m))
    square = np.zeros((2 * size, 2 * size), np.float32)
    square[:size, :size] = square[size:, size:] = rng.uniform(0.15, 1.0)
    bright = np.ones_like(square) + 0.02 * _noise(2 * size, 2 * size, 4, 4, rng)
    bright[:1] *= scene.floor_joint
    return bright, square


def _rug(scene: Scene, pixels_per_m: float, rng: np.random.Generator) -> Tile:
    """Stripes and ornaments that repeat."""
    size = int(rng.integers(40, 200))
    wave = np.linspace(0, 2 * np.pi, size, endpoint=False)
    pattern = np.zeros((size, size), np.float32)
    for _ in range(4):
        down, across = rng.integers(-3, 4, 2)
        pattern += np.sin(down * wave[:, None] + across * wave + rng.uniform(0, 2 * np.pi)).astype(np.float32)
    second = np.clip(0.5 + pattern * rng.uniform(0.3, 3), 0, 1) * rng.uniform(0.15, 0.8)
    bright = 1 + rng.uniform(0.0, 0.1) * _noise(size, size, 2, 2, rng)
    return bright, second


KINDS: dict[str, Callable[[Scene, float, np.random.Generator], Tile]] = {
    "planks": _planks,
    "tiles": _tiles,
    "carpet": _carpet,
    "concrete": _concrete,
    "asphalt": _asphalt,
    "checks": _checks,
    "rug": _rug,
}
