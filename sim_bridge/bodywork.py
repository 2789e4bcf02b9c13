"""What the camera sees of its own car: a bumper, a hood, wheels or a cable at the lower edge."""

import cv2
import numpy as np

from models.contract import ObservationSpec
from sim_bridge.canvas import Shade
from sim_bridge.scene import Scene


def overlay(
    scene: Scene, spec: ObservationSpec, shade: Shade, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The car's own part of every frame: uint8 (frame_height, frame_width[, 3]), and where it is, (..) of 0 and 1."""
    height, width = spec.frame_height, spec.frame_width
    shown = np.zeros((height, width), np.uint8)
    low = height - round(scene.body_share * height)
    middle = round(width * rng.uniform(0.35, 0.65))
    if scene.body == "bumper":
        half = round(width * rng.uniform(0.12, 0.6))
        cv2.rectangle(shown, (middle - half, low), (middle + half, height), 1, -1)
    elif scene.body == "hood":
        half = round(width * rng.uniform(0.2, 0.7))
        cv2.ellipse(shown, (middle, height), (half, height - low), 0, 180, 360, 1, -1)
    elif scene.body == "wheels":
        out = round(width * rng.uniform(0.38, 0.52))
        for side in (-1, 1):
            axes = (round(width * rng.uniform(0.05, 0.14)), height - low)
            cv2.ellipse(shown, (width // 2 + side * out, height), axes, 0, 0, 360, 1, -1)
    else:  # a cable, the rim of a case
        bow = rng.integers(-10, 11, 2)
        points = np.array(((0, height - bow[0]), (middle, 2 * low - height), (width, height - bow[1])))
        along = np.linspace(0, 1, 20)[:, None]
        curve = (1 - along) ** 2 * points[0] + 2 * along * (1 - along) * points[1] + along**2 * points[2]
        cv2.polylines(shown, [np.round(curve).astype(np.int32)], False, 1, int(rng.integers(1, 6)))
    colour = shade(scene.body_colour)
    picture = np.empty((height, width, len(colour)), np.uint8)
    picture[...] = np.round(colour)
    lit = np.clip(1 + 0.5 * rng.uniform(-1, 1) * np.linspace(-1, 1, width), 0, 2)[:, None]  # round, or lit from aside
    picture = np.clip(picture * lit, 0, 255).astype(np.uint8)
    return (picture if len(colour) == 3 else picture[..., 0]), shown
