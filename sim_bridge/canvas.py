"""The floor while it is painted: a picture from above, drawn on in metres."""

from collections.abc import Callable

import cv2
import numpy as np

from sim_bridge.scene import RGB, Scene, luma

PIXELS_PER_M = 100  # 1 cm: two pixels across the thinnest line
MOST_PIXELS = 40_000_000  # of a floor; larger halls are painted more coarsely
_SHIFT = 4  # cv2 draws with 4 binary digits after the point, so lines do not snap to pixels

Shade = Callable[[RGB], tuple[float, ...]]


def shading(scene: Scene, *, rgb: bool) -> Shade:
    """What the camera sees of a colour in the scene's light, as a function: three channels, or their luma."""
    gains = [scene.light * gain for gain in scene.cast]

    def shade(colour: RGB) -> tuple[float, ...]:
        red, green, blue = (min(255.0, gain * value) for gain, value in zip(gains, colour, strict=True))
        return (red, green, blue) if rgb else (luma((red, green, blue)),)

    return shade


class Canvas:
    """picture: uint8 (rows, columns) luma or (rows, columns, 3) RGB; row 0, column 0 is the world point origin_m, rows
    grow with y and columns with x."""

    def __init__(self, low_m: np.ndarray, high_m: np.ndarray, plain: RGB, shade: Shade) -> None:
        """A floor of a plain colour between two opposite corners."""
        size_m = high_m - low_m
        pixels_per_m = min(PIXELS_PER_M, np.sqrt(MOST_PIXELS / size_m.prod()))
        columns, rows = np.ceil(size_m * pixels_per_m).astype(int)
        self.origin_m = (float(low_m[0]), float(low_m[1]))
        self.pixels_per_m = float(pixels_per_m)
        self.shade = shade
        colour = np.round(shade(plain)).astype(np.uint8)
        self.picture = np.full((rows, columns, 3), colour) if len(colour) == 3 else np.full((rows, columns), colour[0])

    @property
    def size_m(self) -> tuple[float, float]:
        """Along x and y."""
        rows, columns = self.picture.shape[:2]
        return columns / self.pixels_per_m, rows / self.pixels_per_m

    def anywhere(self, rng: np.random.Generator) -> np.ndarray:
        """A point of the floor, (2,) metres."""
        return np.array(self.origin_m) + rng.uniform(size=2) * self.size_m

    def pixels(self, points_m: np.ndarray) -> np.ndarray:
        """World points, (n, 2) metres -> as cv2 draws them, int32 (n, 2)."""
        return np.round((points_m - self.origin_m) * self.pixels_per_m * 2**_SHIFT).astype(np.int32)

    def line(self, pieces_m: list[np.ndarray], colour: RGB, width_m: float, *, closed: bool) -> None:
        """Each piece (n, 2) metres."""
        thickness = max(1, round(width_m * self.pixels_per_m))
        corners = [self.pixels(piece) for piece in pieces_m]
        cv2.polylines(self.picture, corners, closed, self.shade(colour), thickness, cv2.LINE_AA, _SHIFT)

    def area(self, corners_m: np.ndarray, colour: RGB) -> None:
        """A polygon, (n, 2) metres."""
        cv2.fillPoly(self.picture, [self.pixels(corners_m)], self.shade(colour), cv2.LINE_AA, _SHIFT)

    def spread(self, tile: np.ndarray) -> np.ndarray:
        """A small picture, repeated until it covers the floor."""
        rows, columns = self.picture.shape[:2]
        tile = tile[:rows, :columns]
        below, right = rows - tile.shape[0], columns - tile.shape[1]
        return cv2.copyMakeBorder(tile, 0, below, 0, right, cv2.BORDER_WRAP)
