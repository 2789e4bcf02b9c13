"""What a policy does, drawn for people: the one place, used by car and trainer."""

import cv2
import numpy as np

YELLOW = (255, 210, 0)


def draw_steering(frame: np.ndarray, steering: float) -> np.ndarray:
    """A copy of an RGB frame, uint8 (h, w, 3), with the steering drawn in: the arc of a car at that command."""
    picture = frame.copy()
    height, width = picture.shape[:2]
    reach = np.linspace(0, 0.45, 12)
    across = width / 2 + steering * width * 1.6 * reach**2
    points = np.stack([across, height - 1 - reach * height], axis=1)
    cv2.polylines(picture, [np.round(points * 16).astype(np.int32)], False, YELLOW, 2, cv2.LINE_AA, 4)
    return picture
