"""`calibrate camera`: the lens from pictures of the printed board, and its mount from one of it on the floor."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from calibration.board import Seen, corner_places
from calibration.car_file import CalibrationError, CarCalibration, LensCalibration, path_of, with_found
from calibration.intrinsics import FEWEST_CORNERS, Fit, Intrinsics, fit_lens
from calibration.photos import Photo
from calibration.pose import FloorFit, Pose, floor_pose
from storage.files import write_file

ASPECT = 4 / 3  # of the frame that the car drives by
ENLARGED = 20  # times: how the corners' errors are drawn
GREEN, RED, BLUE = (80, 220, 80), (60, 60, 255), (255, 160, 60)  # OpenCV's order


def with_lens(
    before: CarCalibration, photos: Sequence[Photo], method: str, now: datetime | None = None
) -> tuple[CarCalibration, Fit]:
    """The calibration with the lens that took these pictures, all of one size. Raises CalibrationError."""
    size = photos[0].size
    if abs(size[0] / size[1] / ASPECT - 1) > 0.01:
        raise CalibrationError(
            f"the pictures are {size[0]} x {size[1]}; the car drives by pictures of 4 to 3, so take them with "
            "calibrate camera itself, or at 640 x 480"
        )
    fit = fit_lens([photo.seen for photo in photos], size)
    lens = fit.lens
    found = {
        "width": size[0],
        "height": size[1],
        "kind": lens.kind,
        "focal_x_px": lens.focal_px[0],
        "focal_y_px": lens.focal_px[1],
        "focal_uncertainty_px": fit.focal_uncertainty_px,
        "middle_x_px": lens.middle_px[0],
        "middle_y_px": lens.middle_px[1],
        "distortion": lens.distortion,
        "error_px": fit.error_px,
        "fov_deg": fit.shape.fov_deg,
        "fov_uncertainty_deg": fit.shape_uncertainty.fov_deg,
        "fisheye": fit.shape.fisheye,
        "fisheye_uncertainty": fit.shape_uncertainty.fisheye,
    }
    return with_found(before, "lens", found, now, method), fit


def with_pose(
    before: CarCalibration, photo: Photo, square_m: float, method: str, now: datetime | None = None
) -> tuple[CarCalibration, FloorFit]:
    """The calibration with the pose that this picture of the board on the floor shows. Raises CalibrationError."""
    if before.lens is None:
        raise CalibrationError("the lens is not known yet; first take pictures of the board in the hand")
    lens = lens_of(before.lens)
    if photo.size != lens.size:
        raise CalibrationError(
            f"{photo.name} is {photo.size[0]} x {photo.size[1]}, the lens was measured at {lens.size[0]} x "
            f"{lens.size[1]}: another camera's? Nothing was saved"
        )
    fit = floor_pose(photo.seen, lens, square_m)
    found = {
        "height_m": fit.pose.height_m,
        "height_uncertainty_m": fit.uncertainty.height_m,
        "pitch_deg": fit.pose.pitch_deg,
        "pitch_uncertainty_deg": fit.uncertainty.pitch_deg,
        "roll_deg": fit.pose.roll_deg,
        "roll_uncertainty_deg": fit.uncertainty.roll_deg,
    }
    return with_found(before, "pose", found, now, method), fit


def lens_of(section: LensCalibration) -> Intrinsics:
    """The lens as car.toml has it."""
    return Intrinsics(
        section.kind,
        (section.width, section.height),
        (section.focal_x_px, section.focal_y_px),
        (section.middle_x_px, section.middle_y_px),
        section.distortion,
    )


def with_lens_drawn(
    car: Path, before: CarCalibration, photos: Sequence[Photo], method: str, say: Callable[[str], None]
) -> CarCalibration:
    """As with_lens; says what was found, and leaves a picture of it in the car's folder. Raises CalibrationError,
    StorageError."""
    after, fit = with_lens(before, photos, method)
    path = leave_picture(car, "lens.png", draw_photos(photos, fit.lens))
    say(
        f"{fit.lens.kind} lens: focal length {fit.lens.focal_px[0]:.1f} ± {fit.focal_uncertainty_px:.1f} px of "
        f"{fit.lens.size[0]}, {fit.shape.fov_deg:.1f} degrees across; the corners are {fit.error_px:.2f} px off, as "
        f"the other kind of lens {fit.others_error_px:.2f} px; drawn in {path}"
    )
    return after


def with_pose_drawn(
    car: Path, before: CarCalibration, floor: Photo, square_m: float, method: str, say: Callable[[str], None]
) -> CarCalibration:
    """As with_pose, and else as with_lens_drawn."""
    after, fit = with_pose(before, floor, square_m, method)
    assert before.lens is not None  # noqa: S101 - with_pose has it
    path = leave_picture(car, "pose.png", draw_pose(floor.picture, lens_of(before.lens), fit.pose))
    pose, doubt = fit.pose, fit.uncertainty
    say(
        f"the camera is {pose.height_m:.3f} ± {doubt.height_m:.3f} m high, looks down by {pose.pitch_deg:.1f} ± "
        f"{doubt.pitch_deg:.1f} degrees, leans to the right by {pose.roll_deg:.1f} ± {doubt.roll_deg:.1f}; the corners "
        f"are {fit.error_px:.2f} px off; a grid of 10 cm is drawn in {path}"
    )
    return after


def leave_picture(car: Path, name: str, picture: np.ndarray) -> Path:
    """A PNG beside car.toml. Raises StorageError."""
    path = path_of(car).with_name(name)
    write_file(path, cv2.imencode(".png", picture)[1].tobytes())
    return path


def draw_photos(photos: Sequence[Photo], lens: Intrinsics) -> np.ndarray:
    """The pictures side by side, corners in green, and in red, enlarged, to where the lens would show them: BGR."""
    width = lens.size[0]
    drawn = []
    for photo in photos:
        picture = cv2.cvtColor(photo.picture, cv2.COLOR_GRAY2BGR)
        used = len(photo.seen) >= FEWEST_CORNERS
        if used:
            _draw_errors(picture, photo.seen, lens)
        words = f"{photo.name}: {len(photo.seen)} corners" + ("" if used else ", not used")
        cv2.putText(picture, words, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, width / 1000, BLUE, 2, cv2.LINE_AA)
        drawn.append(cv2.resize(picture, None, fx=320 / width, fy=320 / width, interpolation=cv2.INTER_AREA))
    columns = 4
    drawn += [np.zeros_like(drawn[0])] * (-len(drawn) % columns)
    return np.vstack([np.hstack(drawn[row : row + columns]) for row in range(0, len(drawn), columns)])


def draw_pose(picture: np.ndarray, lens: Intrinsics, pose: Pose) -> np.ndarray:
    """The picture, grey (h, w), with the horizon, and a grid of 10 cm on the floor if the height is known: BGR."""
    drawn = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    sideways = np.tan(np.radians(np.linspace(-80, 80, 161)))
    _draw_curve(drawn, lens, pose, np.stack([np.ones(161), -sideways, np.zeros(161)], axis=1), RED)
    if pose.height_m > 0:
        ahead = np.linspace(0.05, 1.5, 80)
        for at_m in np.arange(-0.5, 0.51, 0.1):
            _draw_curve(
                drawn, lens, pose, np.stack([ahead, np.full(80, at_m), np.full(80, -pose.height_m)], axis=1), GREEN
            )
        aside = np.linspace(-0.5, 0.5, 80)
        for at_m in np.arange(0.1, 1.51, 0.1):
            _draw_curve(
                drawn, lens, pose, np.stack([np.full(80, at_m), aside, np.full(80, -pose.height_m)], axis=1), GREEN
            )
    return drawn


def _draw_errors(picture: np.ndarray, seen: Seen, lens: Intrinsics) -> None:
    """Where each corner is, and ENLARGED times how far the best board with this lens is from it."""
    places = corner_places(seen.numbers, 1.0)
    _, turn, shift = cv2.solvePnP(places, lens.straighten(seen.corners_px), np.eye(3), np.zeros(5))
    shown = lens.project(places @ cv2.Rodrigues(turn)[0].T + shift.ravel())
    for corner, there in zip(seen.corners_px, shown, strict=True):
        at, towards = np.rint(corner).astype(int), np.rint(corner + ENLARGED * (there - corner)).astype(int)
        cv2.circle(picture, at.tolist(), 5, GREEN, 1, cv2.LINE_AA)
        cv2.line(picture, at.tolist(), towards.tolist(), RED, 2, cv2.LINE_AA)


def _draw_curve(
    picture: np.ndarray, lens: Intrinsics, pose: Pose, points: np.ndarray, colour: tuple[int, int, int]
) -> None:
    """points: (n, 3) in the car's frame below the camera, forward, left, up."""
    seen = in_camera(points, pose)
    seen = seen[seen[:, 2] > 0.05 * np.linalg.norm(seen, axis=1)]
    if len(seen) > 1:
        at = np.clip(lens.project(seen), -10_000, 10_000)
        cv2.polylines(picture, [np.rint(at).astype(np.int32)], False, colour, 1, cv2.LINE_AA)


def in_camera(points: np.ndarray, pose: Pose) -> np.ndarray:
    """From the car's frame (forward, left, up of the lens) to the camera's (right, down, ahead), float64 (n, 3)."""
    forward, left, up = points.T
    pitch, roll = np.radians(pose.pitch_deg), np.radians(pose.roll_deg)
    ahead, above = forward * np.cos(pitch) - up * np.sin(pitch), forward * np.sin(pitch) + up * np.cos(pitch)
    left, above = left * np.cos(roll) + above * np.sin(roll), above * np.cos(roll) - left * np.sin(roll)
    return np.stack([-left, -above, ahead], axis=1)
