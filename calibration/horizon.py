"""The horizon in a recording of a drive: how the camera is mounted, roughly, for those who print no board.

On a straight stretch what is below the horizon moves down the picture and what is above moves up: the row where that
changes is looked for. The car's turning, which is never quite nothing, moves all of it sideways alone; so the vanishing
point's row is found well, and its column (the camera's yaw) and the horizon's slope (its roll) are not asked for.
"""

from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np

from calibration.camera import lens_of
from calibration.car_file import CalibrationError, CarCalibration, with_found
from calibration.image_motion import WIDTH, moved, small_grey, turning
from calibration.intrinsics import Intrinsics
from models.score import cut, smooth
from storage.tub import Tub

SPAN = 3  # frames between two looks at one point
STRAIGHT = 0.35  # of all frames: those in which the picture turns least
MOST_PX, LEAST_PX = 4.0, 0.15  # in 160 across; what moves more counts as much, what moves less not at all
LEAST_POINTS = 400  # above the horizon and below it
ABOVE_SHARE = 0.65  # of the points above the horizon must move up, or there is none
PITCH_DOUBT_DEG = 2.0  # 95 %: a car nods, and few things stand near the horizon
BY_BOARD = ("height_m", "height_uncertainty_m", "roll_deg", "roll_uncertainty_deg")


@dataclass(frozen=True)
class Horizon:
    """In pixels of the recording's frames, (width, height) in size; points: so many showed it."""

    size: tuple[int, int]
    row: float
    points: int


def find_horizon(tub: Tub) -> Horizon:
    """Raises CalibrationError where the recording shows none, TubError, ScoreError."""
    pairs = list(tub.images())
    records = [record for record, _ in pairs]
    pieces, period_s = cut([record.timestamp_ms for record in records], [record.session_id for record in records])
    height, width = pairs[0][1].shape[:2]
    scale = WIDTH / width
    frames = [small_grey(frame) for _, frame in pairs]
    turned = turning(frames)
    turned[~np.isfinite(turned)] = 1.0
    for piece in pieces:
        turned[piece] = smooth(np.abs(turned[piece]), period_s)
        turned[piece.start] = 1.0
    straight = np.quantile(turned, STRAIGHT)
    movements = []
    for piece in pieces:
        for first in range(piece.start, piece.stop - SPAN):
            if (turned[first + 1 : first + 1 + SPAN] <= straight).all():
                movements.append(moved(frames[first], frames[first + SPAN]))
    points = np.concatenate(movements) if movements else np.zeros((0, 4))
    row, share_above = _changes(points[:, 1], points[:, 3], len(frames[0]))
    above = np.count_nonzero(points[:, 1] < row)
    if min(above, len(points) - above) < LEAST_POINTS or share_above < ABOVE_SHARE:
        raise CalibrationError(
            f"{tub.path} shows no horizon: drive along straight stretches with things to see ahead, or measure with "
            "the printed board; nothing was saved"
        )
    return Horizon((width, height), row / scale, len(points))


def with_horizon(
    before: CarCalibration, horizon: Horizon, fov_deg: float | None, now: datetime | None = None
) -> CarCalibration:
    """The calibration with the pitch by the horizon; height and roll, where they were measured, stay.

    fov_deg: of the lens, where it was never measured. Raises CalibrationError where neither is known.
    """
    if before.lens is not None:
        lens, doubt_deg = lens_of(before.lens), PITCH_DOUBT_DEG
    elif fov_deg is not None:
        width, height = horizon.size
        focal_px = width / np.radians(fov_deg)  # an equidistant fisheye: between the two, as wide lenses are
        lens = Intrinsics("fisheye", horizon.size, (focal_px,) * 2, ((width - 1) / 2, (height - 1) / 2), (0.0,) * 4)
        doubt_deg = 2 * PITCH_DOUBT_DEG
    else:
        raise CalibrationError(
            "the lens was never measured: add --fov-deg with what its data sheet says, or use the printed board; "
            "nothing was saved"
        )
    known = before.pose.model_dump(include=set(BY_BOARD)) if before.pose else {}
    found = {**known, "pitch_deg": pitch_deg(horizon, lens), "pitch_uncertainty_deg": doubt_deg}
    return with_found(before, "pose", found, now, "calibrate camera --from-drive")


def pitch_deg(horizon: Horizon, lens: Intrinsics) -> float:
    """Of a camera with this lens that leans to no side, down from the horizontal."""
    scale = lens.size[0] / horizon.size[0]
    seen = np.array([((horizon.size[0] - 1) / 2, horizon.row)])
    straight = lens.straighten((seen + 0.5) * scale - 0.5)
    return float(np.degrees(-np.arctan(straight[0, 1])))


def draw_horizon(frame: np.ndarray, horizon: Horizon) -> np.ndarray:
    """The recording's frame, RGB (h, w, 3), four times as large, with the horizon: BGR."""
    drawn = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    row = round(4 * horizon.row)
    return cv2.line(drawn, (0, row), (drawn.shape[1], row), (60, 60, 255), 2, cv2.LINE_AA)


def _changes(places: np.ndarray, moves: np.ndarray, length: int) -> tuple[float, float]:
    """Where between 0 and length what lies beyond moves up the scale and what lies before moves down; and the share of
    what lies before that does so."""
    counts = np.abs(moves) >= LEAST_PX
    places, moves = places[counts], np.clip(moves[counts], -MOST_PX, MOST_PX)
    if not len(places):
        return 0.0, 0.0
    candidates = np.arange(0, length, 0.5)
    agreement = [float(np.sum(np.where(places > one, moves, -moves))) for one in candidates]
    best = float(candidates[int(np.argmax(agreement))])
    before = moves[places < best]
    return best, float((before < 0).mean()) if len(before) else 0.0
