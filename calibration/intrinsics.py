"""The lens, from pictures of the printed board: focal length, middle and distortion, as a pinhole or as a fisheye.

Z. Zhang, A flexible new technique for camera calibration (2000), and J. Kannala, S. Brandt, A generic camera model and
calibration method for conventional, wide-angle, and fish-eye lenses (2006), both as OpenCV has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from calibration.board import Seen, corner_places
from calibration.car_file import CalibrationError

Kind = Literal["pinhole", "fisheye"]
FEWEST_CORNERS = 12  # half of the board's
FEWEST_PICTURES = 8
SAME_PX = 0.02  # of the picture's width: corners that moved by less on the mean were seen from the same place
WORST_PX = 0.004  # of the picture's width, root mean square: beyond that, the board is bent or the picture blurred
ITERATIONS = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 200, 1e-9)


@dataclass(frozen=True)
class Intrinsics:
    """A lens. In pixels of pictures of `size`, (width, height), whose first pixel's middle is 0."""

    kind: Kind
    size: tuple[int, int]
    focal_px: tuple[float, float]  # across and down
    middle_px: tuple[float, float]  # column and row that the axis meets
    distortion: tuple[float, ...]  # OpenCV's: k1 k2 p1 p2 k3 of a pinhole, k1 k2 k3 k4 of a fisheye

    @property
    def matrix(self) -> np.ndarray:
        """float64 (3, 3)."""
        (fx, fy), (cx, cy) = self.focal_px, self.middle_px
        return np.array(((fx, 0, cx), (0, fy, cy), (0, 0, 1)))

    def straighten(self, points_px: np.ndarray) -> np.ndarray:
        """Where an ideal camera of focal length 1 sees these points, float64 (n, 2): right, down of the axis."""
        points = np.asarray(points_px, np.float64).reshape(-1, 1, 2)
        distortion = np.array(self.distortion)
        if self.kind == "fisheye":
            straight = cv2.fisheye.undistortPoints(points, self.matrix, distortion, criteria=ITERATIONS)
        else:
            straight = cv2.undistortPointsIter(points, self.matrix, distortion, np.eye(3), np.eye(3), ITERATIONS)
        return np.asarray(straight).reshape(-1, 2)

    def project(self, points: np.ndarray) -> np.ndarray:
        """The inverse: where points in the camera's frame (right, down, ahead), float64 (n, 3), are seen, (n, 2)."""
        still, distortion = np.zeros(3), np.array(self.distortion)
        points = np.asarray(points, np.float64).reshape(-1, 1, 3)
        if self.kind == "fisheye":
            return cv2.fisheye.projectPoints(points, still, still, self.matrix, distortion)[0].reshape(-1, 2)
        return cv2.projectPoints(points, still, still, self.matrix, distortion)[0].reshape(-1, 2)


@dataclass(frozen=True)
class Fit:
    """A lens, how well it explains the pictures, and how far its focal length may be off."""

    lens: Intrinsics
    shape: "Shape"
    error_px: float  # root mean square over all corners
    focal_uncertainty_px: float  # 95 %
    shape_uncertainty: "Shape"  # 95 %
    others_error_px: float  # of the kind that was not taken


@dataclass(frozen=True)
class Shape:
    """A lens in the simulator's terms: light at an angle a to the axis falls r = f tan(k a) / k pixels from the middle,
    with k = 1 - fisheye."""

    fov_deg: float  # across the whole picture
    fisheye: float  # 0 pinhole .. 1 equidistant


def shape_of(lens: Intrinsics) -> Shape:
    """The lens's field of view, and the k that bends it most alike from the middle to the sides."""
    width = lens.size[0]
    sides = np.array(((-0.5, lens.middle_px[1]), (width - 0.5, lens.middle_px[1])))
    left, right = np.abs(np.arctan(lens.straighten(sides)[:, 0]))
    angles = np.linspace(0.05, 1.0, 20) * min(left, right)
    seen = lens.project(np.stack([np.sin(angles), np.zeros_like(angles), np.cos(angles)], axis=1))
    from_middle = (seen[:, 0] - lens.middle_px[0]) / lens.focal_px[0]
    bends = np.maximum(1e-6, np.linspace(0, 1, 501))[:, None]
    off = np.sum((np.tan(bends * angles) / bends - from_middle) ** 2, axis=1)
    return Shape(float(np.degrees(left + right)), 1 - float(bends[off.argmin(), 0]))


def different(seen: Sequence[Seen], width: int) -> list[Seen]:
    """Those that show the board somewhere else than all before."""
    kept: list[Seen] = []
    for one in seen:
        if all(_moved_px(one, other) >= SAME_PX * width for other in kept):
            kept.append(one)
    return kept


def fit_lens(seen: Sequence[Seen], size: tuple[int, int]) -> Fit:
    """The lens that the pictures were taken with. size: (width, height) of all of them.

    Raises CalibrationError where the pictures are too few, too alike, all seen from the front, or fit no lens.
    """
    whole = [one for one in seen if len(one) >= FEWEST_CORNERS]
    if len(whole) < FEWEST_PICTURES:
        raise CalibrationError(
            f"the board is seen well in {len(whole)} of {len(seen)} pictures (half of it at least), and "
            f"{FEWEST_PICTURES} are needed; take more, nearer and in better light; nothing was saved"
        )
    unlike = different(whole, size[0])
    if len(unlike) < FEWEST_PICTURES:
        raise CalibrationError(
            f"{len(whole) - len(unlike)} of {len(whole)} pictures repeat another one, and {FEWEST_PICTURES} different "
            "ones are needed; move and tilt the board between pictures; nothing was saved"
        )
    fits = [fit for kind in ("pinhole", "fisheye") if (fit := _fit(unlike, size, kind))]
    if not fits:
        raise CalibrationError(
            "no lens explains these pictures; tilt the board more, and keep it still; nothing was saved"
        )
    fits.sort(key=lambda fit: fit[1])
    lens, error_px = fits[0]
    if error_px > WORST_PX * size[0]:
        raise CalibrationError(
            f"the corners are {error_px:.1f} pixels from where a lens would show them; is the board flat, and are the "
            "pictures all of one camera? Nothing was saved"
        )
    others = [
        (other[0].focal_px[0], shape.fov_deg, shape.fisheye)
        for left_out in range(len(unlike))
        if (other := _without(unlike, left_out, size, lens.kind)) and (shape := shape_of(other[0]))
    ]
    # Jackknife: B. Efron, C. Stein, The jackknife estimate of variance (1981).
    spread = 2 * np.sqrt((len(others) - 1) * np.var(others, axis=0))
    return Fit(
        lens,
        shape_of(lens),
        error_px,
        max(float(spread[0]), 1e-3 * lens.focal_px[0]),
        Shape(max(float(spread[1]), 0.1), max(float(spread[2]), 0.01)),
        fits[1][1] if len(fits) > 1 else float("inf"),
    )


def _without(seen: Sequence[Seen], left_out: int, size: tuple[int, int], kind: Kind) -> tuple[Intrinsics, float] | None:
    return _fit([one for index, one in enumerate(seen) if index != left_out], size, kind)


def _fit(seen: Sequence[Seen], size: tuple[int, int], kind: Kind) -> tuple[Intrinsics, float] | None:
    """A lens of this kind and its error in pixels; None where OpenCV finds none."""
    places = [corner_places(one.numbers, 1.0).reshape(-1, 1, 3) for one in seen]
    pictures = [one.corners_px.reshape(-1, 1, 2) for one in seen]
    try:
        if kind == "fisheye":
            flags = cv2.fisheye.CALIB_RECOMPUTE_EXTRINSIC | cv2.fisheye.CALIB_FIX_SKEW
            guess = np.array(((size[0] / 2.2, 0, size[0] / 2 - 0.5), (0, size[0] / 2.2, size[1] / 2 - 0.5), (0, 0, 1)))
            error_px, matrix, distortion, _, _ = cv2.fisheye.calibrate(
                places, pictures, size, guess, np.zeros((4, 1)), flags=flags | cv2.fisheye.CALIB_USE_INTRINSIC_GUESS,
                criteria=ITERATIONS,
            )  # fmt: skip
        else:
            error_px, matrix, distortion, _, _ = cv2.calibrateCamera(
                [place.astype(np.float32) for place in places], [picture.astype(np.float32) for picture in pictures],
                size, np.eye(3), np.zeros(5), criteria=ITERATIONS,
            )  # fmt: skip
    except cv2.error:
        return None
    numbers = [error_px, *matrix.ravel(), *distortion.ravel()]
    if not np.isfinite(numbers).all() or not 0.1 * size[0] < matrix[0, 0] < 10 * size[0]:
        return None
    lens = Intrinsics(
        kind,
        size,
        (float(matrix[0, 0]), float(matrix[1, 1])),
        (float(matrix[0, 2]), float(matrix[1, 2])),
        tuple(float(one) for one in distortion.ravel()),
    )
    return lens, float(error_px)


def _moved_px(one: Seen, other: Seen) -> float:
    """How far the corners that both show have moved on the mean; infinity where there are none."""
    _, here, there = np.intersect1d(one.numbers, other.numbers, return_indices=True)
    if not len(here):
        return float("inf")
    return float(np.linalg.norm(one.corners_px[here] - other.corners_px[there], axis=1).mean())
