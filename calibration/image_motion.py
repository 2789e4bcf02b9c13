"""How far the picture turns from frame to frame: phase correlation of its upper half, which is far away and moves with
the car's turning alone. C. Kuglin, D. Hines, The phase correlation image alignment method (1975)."""

from collections.abc import Iterable

import cv2
import numpy as np

WIDTH = 160  # pixels that it is looked at with
FARTHEST = 0.25  # of the width from one frame to the next; beyond that, or
FAINTEST = 0.03  # where the two have so little in common, of 1, the shift is rejected

AROUND = 3  # frames before and after, of which a spike has at most half
SPIKE, LEAST_SPIKE = 8.0, 0.003  # standard deviations from its neighbours' median, and of the width


def turning(frames: Iterable[np.ndarray]) -> np.ndarray:
    """By how much of its width the picture has turned since the frame before, + is a turn to the right: float64
    (frames,), NaN for the first one and where no shift is found. frames: grey or RGB uint8 (h, w[, 3])."""
    turned: list[float] = []
    before: np.ndarray | None = None
    for frame in frames:
        upper = _upper_half(frame)
        turned.append(float("nan") if before is None else _turned(before, upper))
        before = upper
    return np.array(turned)


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


def _upper_half(frame: np.ndarray) -> np.ndarray:
    grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    height = round(WIDTH * grey.shape[0] / grey.shape[1])
    return cv2.resize(grey, (WIDTH, height), interpolation=cv2.INTER_AREA)[: height // 2].astype(np.float32)


def _turned(before: np.ndarray, after: np.ndarray) -> float:
    window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
    (right_px, _), response = cv2.phaseCorrelate(before, after, window)
    if response < FAINTEST or abs(right_px) > FARTHEST * WIDTH:
        return float("nan")
    return -right_px / WIDTH  # a car that turns right sees everything move left
