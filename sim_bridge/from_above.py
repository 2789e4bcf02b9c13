"""The track from above, drawn for people."""

import cv2
import numpy as np

from models.pictures import DARK, WHITE, YELLOW
from sim_bridge.track import Track

GREY = (90, 90, 90)


def track_from_above(track: Track, car_m: np.ndarray, size: int) -> np.ndarray:
    """The road, its start and a car at car_m, float64 (2,): RGB uint8 (size, size, 3); y points up."""
    low, high = track.points.min(axis=0) - track.width_m, track.points.max(axis=0) + track.width_m
    pixels_per_m = (size - 1) / (high - low).max()

    def pixel(points_m: np.ndarray) -> np.ndarray:
        at = (points_m - (low + high) / 2) * pixels_per_m * (1, -1) + (size - 1) / 2
        return np.round(at * 16).astype(np.int32)

    picture = np.full((size, size, 3), DARK, np.uint8)
    width = max(1, round(track.width_m * pixels_per_m))
    cv2.polylines(picture, [pixel(track.points)], True, GREY, width, cv2.LINE_AA, 4)
    cv2.circle(picture, pixel(track.points[0]).tolist(), 16 * max(1, width // 3), WHITE, -1, cv2.LINE_AA, 4)
    cv2.circle(picture, pixel(car_m).tolist(), 16 * max(2, width // 2), YELLOW, -1, cv2.LINE_AA, 4)
    return picture
