"""How points of the picture move from frame to frame, and by how much all of it turns.

B. Lucas, T. Kanade, An Iterative Image Registration Technique (1981), on the corners that J. Shi and C. Tomasi, Good
Features to Track (1994), find. A turn of the car moves what is far and what is near to the same side; driving on moves
the floor's points to both sides. So their median tells the turning, also where a camera sees hardly more than floor.
"""

from collections.abc import Iterable

import cv2
import numpy as np

WIDTH = 160  # pixels that it is looked at with
CORNERS = 120  # at most
LEAST_QUALITY = 0.01  # of the best corner's
APART_PX = 5  # from each other, at least
WINDOW, LEVELS = (15, 15), 3  # find what moved by a fifth of the width
FOUND_AGAIN_PX = 0.5  # looked for from there, a point must be where it came from: else something else was found
FEWEST = 6  # points, or nobody knows how far the picture turned

AROUND = 3  # frames before and after, of which a spike has at most half
SPIKE, LEAST_SPIKE = 8.0, 0.003  # standard deviations from its neighbours' median, and of the width


def turning(frames: Iterable[np.ndarray]) -> np.ndarray:
    """By how much of its width the picture has turned since the frame before, + is a turn to the right: float64
    (frames,), NaN for the first one and where too few points are found again. frames: as for `small_grey`."""
    turned: list[float] = []
    before: np.ndarray | None = None
    for frame in frames:
        after = small_grey(frame)
        right_px = np.zeros(0) if before is None else moved(before, after)[:, 2]
        # A car that turns right sees everything move left.
        turned.append(-float(np.median(right_px)) / WIDTH if len(right_px) >= FEWEST else float("nan"))
        before = after
    return np.array(turned)


def small_grey(frame: np.ndarray) -> np.ndarray:
    """A frame, grey or RGB uint8 (h, w[, 3]), as it is looked at: grey, uint8 (h WIDTH / w, WIDTH)."""
    grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    height = round(WIDTH * grey.shape[0] / grey.shape[1])
    return cv2.resize(grey, (WIDTH, height), interpolation=cv2.INTER_AREA)


def moved(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Points of a first grey frame and how they moved until the second, float32 (n, 4): column, row, right, down."""
    corners = cv2.goodFeaturesToTrack(before, CORNERS, LEAST_QUALITY, APART_PX)
    if corners is None:
        return np.zeros((0, 4), np.float32)
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, corners.copy(), winSize=WINDOW, maxLevel=LEVELS)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(after, before, there, there.copy(), winSize=WINDOW, maxLevel=LEVELS)
    again = np.abs(back - corners).max(axis=(1, 2)) < FOUND_AGAIN_PX
    good = (found.ravel() == 1) & (found_back.ravel() == 1) & again
    return np.concatenate([corners[good, 0], (there - corners)[good, 0]], axis=1)


def without_spikes(turned: np.ndarray) -> np.ndarray:
    """The same without what no car does, NaN instead: a turn of a frame or two, while before and after it went on as
    ever. Something repeats in the picture, or passes before the lens."""
    padded = np.pad(turned, AROUND, constant_values=np.nan)
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1)
    some = np.isfinite(near).any(axis=1)
    usual = np.full(len(turned), np.nan)
    usual[some] = np.nanmedian(near[some], axis=1)
    away = np.abs(turned - usual)
    if not np.isfinite(away).any():
        return turned
    return np.where(away > SPIKE * deviation(away) + LEAST_SPIKE, np.nan, turned)


def deviation(away: np.ndarray) -> float:
    """The standard deviation that these distances from a centre would have without their outliers: by their median."""
    return 1.48 * float(np.nanmedian(away))
