"""The printed board: a chess board with a marker in each white square (ChArUco), so that a part of it can be told from
the whole. S. Garrido-Jurado et al., Automatic generation and detection of highly reliable fiducial markers (2014)."""

import io
from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw

COLUMNS, ROWS = 5, 7  # squares
SQUARE_MM = 36.0  # as printed to scale: on A4 and on Letter there is a margin that any printer has
MARKER_SHARE = 0.75  # of a square's side
CORNERS = (COLUMNS - 1) * (ROWS - 1)  # where four squares meet: what is measured
PIXELS_PER_MM = 10  # of the print
ENLARGED, LARGEST_WINDOW_PX = 2, 53  # so are flat markers found, far away on the floor, where they are few pixels high
PAPERS_MM = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}


@dataclass(frozen=True)
class Seen:
    """The board in one picture. corners_px: float64 (n, 2), columns and rows; numbers: int (n,), which corners."""

    corners_px: np.ndarray
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)


@cache
def _board() -> cv2.aruco.CharucoBoard:
    """In squares: multiply by a square's side."""
    markers = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    return cv2.aruco.CharucoBoard((COLUMNS, ROWS), 1.0, MARKER_SHARE, markers)


def corner_places(numbers: np.ndarray, square_m: float) -> np.ndarray:
    """Where the corners with these numbers are on the board: float64 (n, 3) metres, columns, rows and 0."""
    places = np.asarray(_board().getChessboardCorners(), np.float64)[numbers]
    return np.asarray(places * square_m)


def draw_board(pixels_per_square: int) -> np.ndarray:
    """The board alone, without a margin: grey uint8 (ROWS * pixels_per_square, COLUMNS * pixels_per_square)."""
    size = (COLUMNS * pixels_per_square, ROWS * pixels_per_square)
    return np.asarray(_board().generateImage(size, marginSize=0), np.uint8)


def board_pdf(paper: Literal["a4", "letter"]) -> bytes:
    """The page to print, at its true scale, with a line to check that by."""
    width, height = (round(side_mm * PIXELS_PER_MM) for side_mm in PAPERS_MM[paper])
    page = Image.new("L", (width, height), 255)
    board = Image.fromarray(draw_board(round(SQUARE_MM * PIXELS_PER_MM)))
    left, top = (width - board.width) // 2, (height - board.height) // 2
    page.paste(board, (left, top))
    pen, below = ImageDraw.Draw(page), top + board.height + 40
    pen.line((left, below, left + board.width, below), fill=0, width=4)
    for end in (left, left + board.width):
        pen.line((end, below - 20, end, below + 20), fill=0, width=4)
    words = f"print at 100 %: this line is {COLUMNS * SQUARE_MM:.0f} mm long; glue the page to something flat"
    pen.text((left, below + 24), words, fill=0, font_size=32)
    file = io.BytesIO()
    page.save(file, "PDF", resolution=25.4 * PIXELS_PER_MM)
    return file.getvalue()


def find_board(picture: np.ndarray) -> Seen:
    """The board's corners in a picture, grey or RGB uint8 (h, w[, 3]); none where it is not seen."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    parameters = cv2.aruco.DetectorParameters()
    parameters.adaptiveThreshWinSizeMax = LARGEST_WINDOW_PX
    detector = cv2.aruco.CharucoDetector(_board(), cv2.aruco.CharucoParameters(), parameters)
    large = cv2.resize(grey, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    corners, numbers, _, _ = detector.detectBoard(large)
    if numbers is None or corners is None:
        return Seen(np.zeros((0, 2)), np.zeros(0, int))
    corners_px = (np.asarray(corners, np.float64).reshape(-1, 2) + 0.5) / ENLARGED - 0.5
    return Seen(corners_px, np.asarray(numbers, int).ravel())
