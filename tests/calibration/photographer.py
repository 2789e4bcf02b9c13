"""A person who takes pictures of the board with a car's camera: rendered by the simulator's lens, which shares nothing
with the code that measures it."""

import cv2
import numpy as np

from calibration.board import COLUMNS, ROWS, draw_board, find_board
from calibration.photos import Photo
from car.calibrating import PHOTO
from sim_bridge.board_view import BoardCamera, Sheet
from sim_bridge.lens import Lens
from sim_bridge.scene import Scene

MARGIN_M, SQUARE_M = 0.012, 0.036


def in_the_hand(scene: Scene, rng: np.random.Generator) -> Sheet:
    """The board somewhere before the lens, tilted."""
    lens = Lens(scene, PHOTO)
    column, row = rng.uniform(0.2, 0.8, 2) * (PHOTO.frame_width, PHOTO.frame_height)
    seen_at = int(row) * PHOTO.frame_width + int(column)
    towards = np.array([part[seen_at] for part in lens.rays])
    towards /= np.linalg.norm(towards)
    across = np.cross(towards, (0, 0, 1.0))
    across /= np.linalg.norm(across)
    down = np.cross(towards, across)
    axis = rng.normal(0, 1, 3)
    turn = cv2.Rodrigues(axis / np.linalg.norm(axis) * np.radians(rng.uniform(10, 40)))[0]
    across, down = turn @ across, turn @ down
    middle_m = np.array((0, 0, scene.camera_height_m)) + towards * rng.uniform(0.2, 0.4)
    width_m, height_m = COLUMNS * SQUARE_M + 2 * MARGIN_M, ROWS * SQUARE_M + 2 * MARGIN_M
    return Sheet(_page(), middle_m - across * width_m / 2 - down * height_m / 2, across, down, width_m)


def on_the_floor(near_m: float, aside_m: float = 0.0) -> Sheet:
    """The board before the car, its near edge so far ahead of the lens."""
    width_m, height_m = COLUMNS * SQUARE_M + 2 * MARGIN_M, ROWS * SQUARE_M + 2 * MARGIN_M
    corner_m = np.array((near_m + height_m, aside_m + width_m / 2, 0.0))
    return Sheet(_page(), corner_m, np.array((0, -1.0, 0)), np.array((-1.0, 0, 0)), width_m)


def _page() -> np.ndarray:
    return cv2.copyMakeBorder(draw_board(60), 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=255)


class Photographer:
    """Takes the pictures of the board, with a sensor's noise."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene, self._rng = scene, np.random.default_rng((6, seed))
        self._camera = BoardCamera(scene, PHOTO)

    def photo(self, name: str, sheet: Sheet) -> Photo:
        picture = self._camera.look_at(sheet) + self._rng.normal(0, 2, (PHOTO.frame_height, PHOTO.frame_width))
        picture = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        return Photo(name, picture, find_board(picture))

    def in_the_hand(self, count: int = 14) -> list[Photo]:
        return [self.photo(f"{number}", in_the_hand(self._scene, self._rng)) for number in range(1, count + 1)]

    def on_the_floor(self) -> Photo:
        """Laid as near as most of it is seen, as the program asks for."""
        best = self.photo("floor", on_the_floor(0.1))
        for near_m in (0.13, 0.16, 0.2, 0.25, 0.31, 0.38, 0.47, 0.57, 0.7):
            if len(best.seen) < 20:
                photo = self.photo("floor", on_the_floor(near_m))
                best = max(best, photo, key=lambda one: len(one.seen))
        return best
