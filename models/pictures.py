"""Pictures for people: the steering drawn into a frame, sheets of frames, PNG files. RGB uint8 (h, w, 3) throughout."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from storage.files import write_file

YELLOW, CYAN, WHITE, DARK = (255, 210, 0), (0, 220, 255), (235, 235, 235), (24, 24, 24)


def draw_steering(frame: np.ndarray, steering: float, colour: tuple[int, int, int] = YELLOW) -> np.ndarray:
    """A copy of a frame with the steering (-1 left to +1 right) drawn in: the arc of a car at that command."""
    picture = frame.copy()
    height, width = picture.shape[:2]
    reach = np.linspace(0, 0.45, 12)
    across = width / 2 + steering * width * 1.6 * reach**2
    points = np.stack([across, height - 1 - reach * height], axis=1)
    cv2.polylines(picture, [np.round(points * 16).astype(np.int32)], False, colour, 2, cv2.LINE_AA, 4)
    return picture


def write_text(
    picture: np.ndarray, text: str, x: int, y: int, colour: tuple[int, int, int] = WHITE, scale: float = 0.45
) -> None:
    """Write into the picture itself; (x, y) is the left end of the line the letters stand on, in pixels."""
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)


def sheet(pictures: Sequence[np.ndarray], columns: int, rows: int, gap: int = 0) -> np.ndarray:
    """Pictures of one size in rows of `columns`, `gap` pixels apart; places that are left over stay black."""
    height, width = (size + gap for size in pictures[0].shape[:2])
    whole = np.zeros((rows * height - gap, columns * width - gap, 3), np.uint8)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        y, x = row * height, column * width
        whole[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return whole


def write_png(path: Path, picture: np.ndarray) -> None:
    """Raises StorageError where it cannot be written."""
    _, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_file(path, png.tobytes())
