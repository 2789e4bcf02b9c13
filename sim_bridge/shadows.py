"""Light that falls unevenly on the floor: shadows of what stands about, pools of shade, sun through windows."""

import cv2
import numpy as np

from sim_bridge.canvas import Canvas
from sim_bridge.room import Room
from sim_bridge.scene import Scene

COARSER = 4  # times than the floor: no edge of light is sharper
PLAIN = 128  # the light's grey level where it changes nothing


def fall(canvas: Canvas, room: Room, scene: Scene, rng: np.random.Generator) -> None:
    """Darken and brighten the painted floor, in place."""
    rows, columns = canvas.picture.shape[:2]
    light = np.full((rows // COARSER + 1, columns // COARSER + 1), PLAIN, np.uint8)
    pixels_per_m = canvas.pixels_per_m / COARSER

    def pixels(points_m: np.ndarray) -> np.ndarray:
        return np.round((points_m - canvas.origin_m) * pixels_per_m).astype(np.int32)

    cv2.rectangle(light, *pixels(np.stack([room.low_m, room.high_m])).tolist(), 80, max(1, round(0.15 * pixels_per_m)))
    for thing in room.things:
        if not thing.from_m:
            middle = pixels(np.array((thing.x_m, thing.y_m)))
            cv2.circle(light, middle.tolist(), max(1, round(0.6 * thing.width_m * pixels_per_m)), 60, -1)
    light = cv2.GaussianBlur(light, (0, 0), 0.08 * pixels_per_m)
    for _ in range(scene.shadows):
        dark = np.zeros_like(light)
        cv2.fillConvexPoly(dark, pixels(_oblong(canvas, rng, 0.3, 2.5)), 255)
        soft = 1 + round(rng.uniform(0.01, 0.6) * pixels_per_m)
        dark = cv2.blur(cv2.blur(dark, (soft, soft)), (soft, soft))  # many times quicker than a wide Gaussian
        light = cv2.multiply(light, 255 - (dark * scene.shadow_depth).astype(np.uint8), scale=1 / 255)
    if scene.sun_patches:
        panes, sun = _oblong(canvas, rng, 0.3, 1.5), np.zeros_like(light)
        aside = (panes[1] - panes[0]) * rng.uniform(1.05, 1.8)
        for pane in range(scene.sun_patches):
            cv2.fillConvexPoly(sun, pixels(panes + pane * aside), round(PLAIN * scene.sun))
        light = cv2.add(light, cv2.GaussianBlur(sun, (0, 0), rng.uniform(0.3, 1.5)))
    light = cv2.resize(light, (columns, rows), interpolation=cv2.INTER_LINEAR)
    if canvas.picture.ndim == 3:
        light = cv2.merge([light] * 3)
    cv2.multiply(canvas.picture, light, dst=canvas.picture, scale=1 / PLAIN)


def _oblong(canvas: Canvas, rng: np.random.Generator, least_m: float, most_m: float) -> np.ndarray:
    """A parallelogram somewhere on the floor, (4, 2) metres."""
    middle = canvas.anywhere(rng)
    turn, lean = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6)
    along = rng.uniform(least_m, most_m) * np.array((np.cos(turn), np.sin(turn)))
    across = rng.uniform(least_m, most_m) * np.array((-np.sin(turn + lean), np.cos(turn + lean)))
    return middle + np.stack([-along - across, along - across, along + across, across - along]) / 2
