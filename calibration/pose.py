"""How the camera is mounted, from one picture of the printed board on the floor: height, pitch and roll."""

from dataclasses import dataclass

import cv2
import numpy as np

from calibration.board import COLUMNS, ROWS, Seen, corner_places
from calibration.car_file import CalibrationError
from calibration.intrinsics import FEWEST_CORNERS, Intrinsics

TRIES, SEED = 40, 0  # pictures with other noise, from which the uncertainty is read
CORNER_PX = 0.25  # how far a corner is off, standard deviation: at least so much, whatever this picture's error
FLATNESS_DEG = 0.15  # of a page on a floor, 95 %
SQUARE_SHARE = 0.003  # how well a ruler tells a square's side: half a millimetre of 180
LOWEST_M, HIGHEST_M = 0.02, 1.0
STEEPEST_DEG, MOST_ROLL_DEG = 80.0, 30.0


@dataclass(frozen=True)
class Pose:
    """Above flat ground. pitch_deg: down from the horizontal; roll_deg: clockwise as the camera sees."""

    height_m: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True)
class FloorFit:
    """The pose; how far it may be off, 95 %; how far the board's corners are from where it would show them."""

    pose: Pose
    uncertainty: Pose
    error_px: float


def floor_pose(seen: Seen, lens: Intrinsics, square_m: float) -> FloorFit:
    """From the board's corners in the picture of it on the floor.

    Raises CalibrationError where too little of it is in view, or it does not lie on a floor below the camera.
    """
    rows = len(set((seen.numbers // (COLUMNS - 1)).tolist()))
    columns = len(set((seen.numbers % (COLUMNS - 1)).tolist()))
    if len(seen) < FEWEST_CORNERS or rows < 3 or columns < 3:
        raise CalibrationError(
            f"{len(seen)} of the board's {(COLUMNS - 1) * (ROWS - 1)} corners are seen: it is out of view in part, or "
            "too far away; move it until it is all in the picture, near its lower edge; nothing was saved"
        )
    pose, error_px = _pose(seen, lens, square_m)
    if not (
        LOWEST_M < pose.height_m < HIGHEST_M and pose.pitch_deg < STEEPEST_DEG and abs(pose.roll_deg) < MOST_ROLL_DEG
    ):
        raise CalibrationError(
            f"by this picture the camera is {pose.height_m:.2f} m above the board, looks down by {pose.pitch_deg:.0f} "
            f"and leans by {pose.roll_deg:.0f} degrees: the board is not on the floor before the car; nothing was saved"
        )
    if error_px > 0.005 * lens.size[0]:
        raise CalibrationError(
            f"the corners are {error_px:.1f} pixels from where this lens would show them; is the board flat, and is it "
            "the same camera? Nothing was saved"
        )
    rng = np.random.default_rng(SEED)
    others = []
    for _ in range(TRIES):
        noise_px = rng.normal(0, max(CORNER_PX, error_px / np.sqrt(2)), seen.corners_px.shape)
        other, _ = _pose(Seen(seen.corners_px + noise_px, seen.numbers), lens, square_m)
        others.append((other.height_m, other.pitch_deg, other.roll_deg))
    height_m, pitch_deg, roll_deg = 2 * np.std(others, axis=0)
    return FloorFit(
        pose,
        Pose(
            float(np.hypot(height_m, SQUARE_SHARE * pose.height_m)),
            float(np.hypot(pitch_deg, FLATNESS_DEG)),
            float(np.hypot(roll_deg, FLATNESS_DEG)),
        ),
        error_px,
    )


def _pose(seen: Seen, lens: Intrinsics, square_m: float) -> tuple[Pose, float]:
    """The pose, and the corners' error in pixels, root mean square.

    A flat board has two poses that look nearly alike (T. Collins, A. Bartoli, Infinitesimal plane-based pose
    estimation, 2014); the one that explains the corners better counts.
    """
    places, straight = corner_places(seen.numbers, square_m), lens.straighten(seen.corners_px)
    eye, none = np.eye(3), np.zeros(5)
    _, turns, shifts, _ = cv2.solvePnPGeneric(places, straight, eye, none, flags=cv2.SOLVEPNP_IPPE)
    found = []
    for rough in zip(turns, shifts, strict=True):
        turn, shift = cv2.solvePnPRefineLM(places, straight, eye, none, *rough)
        rotation = cv2.Rodrigues(turn)[0]
        seen_px = lens.project(places @ rotation.T + shift.ravel())
        error_px = float(np.sqrt(np.mean(np.sum((seen_px - seen.corners_px) ** 2, axis=1))))
        found.append((error_px, rotation, shift.ravel()))
    error_px, rotation, shift = min(found, key=lambda one: one[0])
    return _above(rotation[:, 2], shift), error_px


def _above(normal: np.ndarray, point: np.ndarray) -> Pose:
    """The pose above a floor with this normal through this point; both (3,): right, down, ahead of the camera."""
    down = normal if normal @ point > 0 else -normal
    right, below, ahead = down
    pitch = np.arcsin(np.clip(ahead, -1, 1))
    return Pose(float(down @ point), float(np.degrees(pitch)), float(np.degrees(np.arctan2(right, below))))
