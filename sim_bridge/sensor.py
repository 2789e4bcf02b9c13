"""What the lens and the camera's chip do to the light: blur, exposure, grey curve, vignetting, noise."""

import math

import cv2
import numpy as np

from models.contract import ObservationSpec
from sim_bridge.bodywork import overlay
from sim_bridge.canvas import Shade
from sim_bridge.lens import Lens
from sim_bridge.scene import Scene, luma

_NOISE = np.random.default_rng(0).standard_normal((256, 512)).astype(np.float32)
MOST_SMEAR_PX = 15
MIDDLE_GREY = 120  # what automatic exposure aims at
FINER = 4  # steps of the grey curve to a grey level
_LEVELS = np.arange(256) * FINER


class Sensor:
    """One camera's chip. A scene that leaves all of it out gets noise alone."""

    def __init__(self, scene: Scene, spec: ObservationSpec, lens: Lens, shade: Shade, rng: np.random.Generator) -> None:
        """Draws from rng only where the scene has banding or shows the car itself."""
        self._scene, self._spec, self._focal_px = scene, spec, lens.focal_px
        self._noisy = bool(scene.camera_noise or scene.noise_rows)
        noise = scene.camera_noise * _NOISE
        if scene.noise_rows:
            noise = noise + scene.noise_rows * rng.standard_normal((len(noise), 1)).astype(np.float32)
        times = -(-spec.frame_height // len(noise)), -(-spec.frame_width // noise.shape[1])
        if times != (1, 1):  # a frame that is larger than it sees it repeated
            noise = np.tile(noise, times)
        self._noise = np.clip(128.5 + noise, 0, 255).astype(np.uint8)  # 128 is none; a frame gets a window of it
        self._curve = _curve(scene)
        self._vignette = _vignette(scene, spec) if scene.vignette or scene.own_shadow else None
        self._body = overlay(scene, spec, shade, rng) if scene.body != "none" else None

    def develop(
        self,
        picture: np.ndarray,
        first_row: int,
        age_s: float,
        yaw_rad_s: float,
        speed_m_s: float,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """From the light, uint8 (rows from first_row, width[, 3]), to the frame, of the same shape; may be in place.

        age_s: since the drive began.
        """
        scene = self._scene
        if scene.exposure_s:
            picture = self._smear(picture, first_row, yaw_rad_s, speed_m_s)
        if self._body is not None:
            body, shown = self._body
            cv2.copyTo(body[first_row:], shown[first_row:], picture)
        if scene.lens_blur_px > 0.3:
            picture = cv2.GaussianBlur(picture, (5, 5) if scene.lens_blur_px < 1 else (7, 7), scene.lens_blur_px)
        if self._vignette is not None:
            shade = self._vignette[first_row:]
            cv2.multiply(picture, shade if picture.ndim == 2 else cv2.merge([shade] * 3), dst=picture, scale=1 / 255)
        if self._curve is not None:
            picture = cv2.LUT(picture, self._exposed(picture[self._spec.crop_top - first_row :], age_s))
        if scene.sharpening:
            picture = cv2.addWeighted(
                picture, 1 + scene.sharpening, cv2.GaussianBlur(picture, (5, 5), 1.2), -scene.sharpening, 0
            )
        picture = self._add_noise(picture, first_row, rng)
        if scene.resolution < 1:
            small = cv2.resize(picture, None, fx=scene.resolution, fy=scene.resolution, interpolation=cv2.INTER_AREA)
            picture = cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        if scene.jpeg_quality:
            _, coded = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, scene.jpeg_quality))
            picture = cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)
        return picture

    def _exposed(self, road: np.ndarray, age_s: float) -> np.ndarray:
        """Which grey level becomes which where the camera sees that road, uint8 (256,)."""
        scene, mean = self._scene, cv2.mean(road)
        seen = max(5.0, scene.gain * (mean[0] if road.ndim == 2 else luma(mean[:3])))
        gain = scene.gain * (MIDDLE_GREY / seen) ** scene.exposure_adapts
        gain *= 1 + scene.drift * math.sin(2 * math.pi * age_s / scene.drift_period_s)
        return self._curve[np.minimum(gain * _LEVELS, 255 * FINER).astype(int)]

    def _smear(self, picture: np.ndarray, first_row: int, yaw_rad_s: float, speed_m_s: float) -> np.ndarray:
        """What moves while the frame is exposed: all sideways as the car turns, what is near downwards by its speed."""
        sideways_px = _odd(abs(yaw_rad_s) * self._scene.exposure_s * self._focal_px)
        if sideways_px > 1:
            picture = cv2.blur(picture, (sideways_px, 1))
        lower = max(0, self._spec.frame_height * 5 // 8 - first_row)
        near_m = self._scene.camera_height_m + 0.15  # how far ahead the lower part of the picture looks, about
        down_px = _odd(speed_m_s * self._scene.exposure_s * self._focal_px * self._scene.camera_height_m / near_m**2)
        if down_px > 1:
            picture[lower:] = cv2.blur(picture[lower:], (1, down_px))
        return picture

    def _add_noise(self, picture: np.ndarray, first_row: int, rng: np.random.Generator) -> np.ndarray:
        rows, columns = picture.shape[:2]
        height, width = self._noise.shape
        row = int(rng.random() * (height - self._spec.frame_height)) + first_row
        column = int(rng.random() * (width - columns))
        if not self._noisy:  # drawn as well, so that what else is drawn is as with it
            return picture
        noise = self._noise[row : row + rows, column : column + columns]
        if picture.ndim == 3:
            noise = cv2.merge((noise, noise, noise))
        return cv2.addWeighted(picture, 1, noise, 1, -128, dst=picture)


def _odd(smear_px: float) -> int:
    """The nearest odd number of pixels, for a blur that moves nothing."""
    return min(MOST_SMEAR_PX, 2 * math.floor(smear_px / 2) + 1)


def _curve(scene: Scene) -> np.ndarray | None:
    """Which light, in steps of 1 / FINER of a grey level, becomes which grey level; None where each stays as it is."""
    plain = (scene.gain, scene.gamma, scene.contrast, scene.haze, scene.exposure_adapts, scene.drift)
    if plain == (1, 1, 0, 0, 0, 0):
        return None
    grey = np.linspace(0, 1, 255 * FINER + 1) ** scene.gamma
    grey += scene.contrast * (grey * grey * (3 - 2 * grey) - grey)
    return np.round(255 * (scene.haze + (1 - scene.haze) * grey)).astype(np.uint8)


def _vignette(scene: Scene, spec: ObservationSpec) -> np.ndarray:
    """How bright each pixel is beside the picture's middle, 255 is as bright, uint8 (frame_height, frame_width).

    Darker towards the corners, and in the car's own shadow, which lies in front of it: at the lower edge.
    """
    rows, columns = np.mgrid[-1 : 1 : spec.frame_height * 1j, -1 : 1 : spec.frame_width * 1j]
    bright = 1 - scene.vignette * (rows**2 + columns**2) / 2
    bright *= 1 - scene.own_shadow * np.exp(-2 * (columns**2 + (1 - rows) ** 2) ** 2)
    return np.round(255 * bright).astype(np.uint8)
