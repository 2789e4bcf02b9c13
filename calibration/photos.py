"""The pictures to calibrate a camera from: out of a folder, or out of the camera while a person holds the board."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from calibration.board import Seen, find_board
from calibration.car_file import CalibrationError
from calibration.intrinsics import FEWEST_CORNERS, different
from calibration.terminal import GO_ON, Terminal

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
WANTED = 14  # pictures of the board in the hand: more add little


class Camera(Protocol):
    """The part of the loop that gives frames, whichever camera it is."""

    def run(self) -> tuple[np.ndarray, int, int]: ...


@dataclass(frozen=True)
class Photo:
    """A picture, grey uint8 (h, w), and what of the board was found in it."""

    name: str
    picture: np.ndarray
    seen: Seen

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.picture.shape[1], self.picture.shape[0]


def read_photo(file: Path) -> Photo:
    """Raises CalibrationError where the file is no picture."""
    try:
        encoded = np.frombuffer(file.read_bytes(), np.uint8)
        picture: Any = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    except OSError as error:
        raise CalibrationError(f"cannot read {file}: {error.strerror}; name a picture") from error
    except cv2.error:  # an empty file, a picture of absurd size
        picture = None
    if picture is None:
        raise CalibrationError(f"{file} is no picture that can be read; take it out of the folder, or copy it again")
    return Photo(file.name, picture, find_board(picture))


def read_photos(folder: Path) -> list[Photo]:
    """Every picture in the folder, by name. Raises CalibrationError where there is none, or they differ in size."""
    if not folder.is_dir():
        raise CalibrationError(f"{folder} is no folder; name one with pictures of the board")
    photos = [read_photo(file) for file in sorted(folder.iterdir()) if file.suffix.lower() in ENDINGS]
    if not photos:
        raise CalibrationError(f"{folder} holds no pictures ({' '.join(ENDINGS)}); name another folder")
    if odd := next((photo for photo in photos if photo.size != photos[0].size), None):
        sizes = " and ".join(f"{name} is {width} x {height}" for name, (width, height) in (
            (photos[0].name, photos[0].size), (odd.name, odd.size)))  # fmt: skip
        raise CalibrationError(f"{sizes}: one camera takes pictures of one size; sort out whose they are")
    return photos


def take_photos(camera: Camera, terminal: Terminal) -> list[Photo]:
    """Of the board in a person's hand, until there are enough that differ. Raises CalibrationError who gives up."""
    terminal.say(
        f"Hold the board before the camera, so that it fills a third of the picture or more. {WANTED} pictures: in\n"
        "the middle, in each corner, near and far, and tilted, up to 40 degrees, to all sides."
    )
    photos: list[Photo] = []
    while len(photos) < WANTED:
        terminal.answer(f"  picture {len(photos) + 1} of {WANTED}: keep still, then Enter > ", GO_ON)
        photo = _photo(camera, f"{len(photos) + 1}")
        if len(photo.seen) < FEWEST_CORNERS:
            terminal.say(f"    {len(photo.seen)} of its 24 corners were seen: nearer, sharper, in better light")
        elif len(different([one.seen for one in (*photos, photo)], photo.size[0])) == len(photos):
            terminal.say("    that is where it was before: move it, tilt it")
        else:
            photos.append(photo)
            terminal.say(f"    {len(photo.seen)} corners")
    return photos


def take_floor_photo(camera: Camera, terminal: Terminal) -> Photo:
    """Of the board on the floor."""
    terminal.say("Stand the car on the floor. Lay the board before it, as near as it is still all in the picture.")
    terminal.answer("  then Enter > ", GO_ON)
    return _photo(camera, "floor")


def _photo(camera: Camera, name: str) -> Photo:
    """The mean of a few frames: noise goes, and a board that moved is blurred and not found."""
    camera.run()  # what it had taken before Enter was pressed
    frames: Sequence[np.ndarray] = [_grey(camera.run()[0]) for _ in range(4)]
    picture = np.rint(np.mean(frames, axis=0)).astype(np.uint8)
    return Photo(name, picture, find_board(picture))


def _grey(frame: np.ndarray) -> np.ndarray:
    return frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
