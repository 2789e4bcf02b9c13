"""A simulated camera's picture of a flat sheet, held somewhere in the room or lying on the floor."""

from dataclasses import dataclass

import cv2
import numpy as np

from models.contract import ObservationSpec
from sim_bridge.lens import Lens
from sim_bridge.scene import Scene

FINER = 2  # rays across and down a pixel
FLOOR_GREY = 110.0
_NOWHERE = -1e6  # on the sheet's picture: beside it


@dataclass(frozen=True)
class Sheet:
    """A print and where it is. picture: grey uint8 (rows, columns). corner_m, across, down: (3,) each, in the car's
    frame (metres forward, left and up of the floor below the lens): its upper left corner, and the unit vectors along
    its upper and left edge. width_m: of the upper edge."""

    picture: np.ndarray
    corner_m: np.ndarray
    across: np.ndarray
    down: np.ndarray
    width_m: float


class BoardCamera:
    """The scene's camera, before a floor without pattern."""

    def __init__(self, scene: Scene, spec: ObservationSpec) -> None:
        self._size = spec.frame_width, spec.frame_height
        finer = {"frame_width": spec.frame_width * FINER, "frame_height": spec.frame_height * FINER}
        self._rays = np.stack(Lens(scene, spec.model_copy(update=finer)).rays, axis=1).astype(np.float32)
        self._lens_m = np.array((0.0, 0.0, scene.camera_height_m))

    def look_at(self, sheet: Sheet) -> np.ndarray:
        """What it sees, grey uint8 (frame_height, frame_width).

        A pixel is the mean of FINER x FINER rays: a camera's pixel gathers light from all of its face.
        """
        normal = np.cross(sheet.across, sheet.down)
        to_corner_m = sheet.corner_m - self._lens_m
        per_m = sheet.picture.shape[1] / sheet.width_m
        # Of a ray's three coordinates: how far along the normal, across and down it goes.
        apart, across, down = (self._rays @ np.stack([normal, sheet.across, sheet.down], axis=1).astype(np.float32)).T
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = float(to_corner_m @ normal) / apart
            column = per_m * (reach * across - float(to_corner_m @ sheet.across)) - 0.5
            row = per_m * (reach * down - float(to_corner_m @ sheet.down)) - 0.5
        behind = ~(reach > 0)
        column[behind] = row[behind] = _NOWHERE
        width, height = self._size
        where = (np.clip(one, _NOWHERE, -_NOWHERE).reshape(FINER * height, FINER * width) for one in (column, row))
        light = cv2.remap(
            sheet.picture, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=FLOOR_GREY
        )
        return cv2.resize(light, self._size, interpolation=cv2.INTER_AREA)
