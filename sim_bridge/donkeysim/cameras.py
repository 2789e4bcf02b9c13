"""The server's cameras: where a client wants them, and the files that it wants their pictures in."""

import base64
import math
from dataclasses import replace

import cv2
import numpy as np

from models.contract import ObservationSpec
from sim_bridge.camera import GroundCamera
from sim_bridge.canvas import shading
from sim_bridge.donkeysim.messages import UNITS_PER_M, CamConfig
from sim_bridge.lens import Lens
from sim_bridge.sensor import Sensor
from sim_bridge.simulator import Simulator, World

JPEG_QUALITY = 75  # Unity's, where nobody says
NARROWEST_DEG, WIDEST_DEG = 10.0, 165.0  # of a lens of ours
SMALLEST_PX = 16
ORIGIN_UP, ORIGIN_AHEAD = 0.48, 0.765  # units: of the car's origin, from the road and from its rear axle
SECOND_RIGHT = 0.452  # units: of the second camera, from the first


class CarCamera:
    """One camera on a served car. The first begins as the world's own."""

    def __init__(self, world: World, spec: ObservationSpec, *, second: bool = False) -> None:
        self._world, self._spec = world, spec
        self._suffix, self._grey = "JPG", False
        if second:
            self._aim(replace(world.scene, camera_left_m=world.scene.camera_left_m - SECOND_RIGHT / UNITS_PER_M))

    def configure(self, config: CamConfig) -> None:
        """What is 0 stays as it is; offsets, and rotations, go together."""
        scene, spec = self._world.scene, self._spec
        if config.img_w and config.img_h:
            size = {"frame_width": max(SMALLEST_PX, config.img_w), "frame_height": max(SMALLEST_PX, config.img_h)}
            spec = spec.model_copy(update=size | {"crop_top": size["frame_height"] // 3})
        if config.fov:
            half = math.radians(min(config.fov, WIDEST_DEG)) / 2
            across_deg = 2 * math.degrees(math.atan(math.tan(half) * spec.frame_width / spec.frame_height))
            scene = replace(scene, camera_fov_deg=min(max(across_deg, NARROWEST_DEG), WIDEST_DEG))
        if config.fish_eye_x or config.fish_eye_y:
            scene = replace(scene, camera_fisheye=max(config.fish_eye_x, config.fish_eye_y))
        if config.offset_x or config.offset_y or config.offset_z:
            scene = replace(
                scene,
                camera_left_m=_within(-config.offset_x / UNITS_PER_M),
                camera_height_m=max(0.02, _within((config.offset_y + ORIGIN_UP) / UNITS_PER_M)),
                camera_forward_m=_within((config.offset_z + ORIGIN_AHEAD) / UNITS_PER_M),
            )
        if config.rot_x or config.rot_y or config.rot_z:
            scene = replace(
                scene,
                camera_pitch_deg=math.remainder(config.rot_x, 360),
                camera_yaw_deg=-math.remainder(config.rot_y, 360),
                camera_roll_deg=-math.remainder(config.rot_z, 360),
            )
        if config.img_enc in ("JPG", "PNG", "TGA"):
            self._suffix = config.img_enc
        if config.img_d:
            self._grey = config.img_d == 1
        self._spec = spec
        self._aim(scene)

    def picture(self, simulator: Simulator) -> str:
        """What it sees, as the text that a message carries."""
        simulator.worlds[0] = self._world
        frame = simulator.frame(0)
        if self._grey:
            frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return base64.b64encode(_file(frame, self._suffix)).decode("ascii")

    def _aim(self, scene: object) -> None:
        lens = Lens(scene, self._spec)
        self._world = replace(
            self._world,
            scene=scene,
            camera=GroundCamera(scene, self._spec, lens),
            sensor=Sensor(scene, self._spec, lens, shading(scene, rgb=True), self._world.rng),
        )


def _within(metres: float) -> float:
    """A camera is on its car."""
    return min(max(metres, -2.0), 2.0)


def _file(frame: np.ndarray, suffix: str) -> bytes:
    """A whole file of an RGB picture, uint8 (height, width, 3)."""
    if suffix == "TGA":  # Truevision TGA 2.0: 18 bytes of header, 24 bits a pixel, rows from the bottom
        height, width = frame.shape[:2]
        header = bytes((0, 0, 2, *[0] * 9)) + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\x18\0"
        return header + np.ascontiguousarray(frame[::-1, :, ::-1]).tobytes()
    how = (
        (".png", [cv2.IMWRITE_PNG_COMPRESSION, 1])
        if suffix == "PNG"
        else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    )
    return cv2.imencode(how[0], cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), how[1])[1].tobytes()
