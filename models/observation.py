"""From a camera frame to what the policy sees: the one implementation, used by car, simulator and trainer.

Crop the top third, take luma, resize by area. Pure NumPy and OpenCV; about 30 µs a frame on a laptop.
"""

from collections import deque

import cv2
import numpy as np

from models.contract import ObservationSpec


def grey_view(frame: np.ndarray, spec: ObservationSpec) -> np.ndarray:
    """One camera frame -> one grey picture of the stack.

    frame: uint8, RGB (frame_height, frame_width, 3) or luma (frame_height, frame_width).
    Returns uint8 (size, size). RGB becomes luma by full-range BT.601, Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601-7),
    which is what the Pi's camera calls Y, so both kinds of frame give the same view within one grey level.
    Raises ValueError for another shape or dtype.
    """
    expected = (spec.frame_height, spec.frame_width)
    if frame.dtype != np.uint8 or frame.shape not in (expected, (*expected, 3)):
        raise ValueError(
            f"a frame of {frame.shape} {frame.dtype} is not {expected} luma or {(*expected, 3)} RGB of uint8; "
            "set the camera to the size in the model's contract"
        )
    road = frame[spec.crop_top :]
    if road.ndim == 3:
        road = cv2.cvtColor(road, cv2.COLOR_RGB2GRAY)
    return shrink(road, spec)


def shrink(road: np.ndarray, spec: ObservationSpec) -> np.ndarray:
    """A cropped luma picture, uint8 (frame_height - crop_top, frame_width) -> uint8 (size, size), resized by area."""
    return cv2.resize(road, (spec.size, spec.size), interpolation=cv2.INTER_AREA)


class FrameStack:
    """The last few grey views of one car, newest last: what the policy sees."""

    def __init__(self, spec: ObservationSpec) -> None:
        self._shape = spec.shape
        self._views: deque[np.ndarray] = deque(maxlen=spec.stack)

    def push(self, view: np.ndarray) -> np.ndarray:
        """Add a grey view, uint8 (size, size); returns the observation, uint8 (size, size, stack), a new array.

        The first view after a clear fills the whole stack: a car that stands has seen this picture before.
        """
        view = view.copy()  # the caller may use its memory again
        self._views.extend([view] * (1 if self._views else self._shape[-1]))
        return cv2.merge(list(self._views)).reshape(self._shape)  # 5 times faster than shifting what was stacked

    def clear(self) -> None:
        """Forget everything seen: a new drive begins."""
        self._views.clear()


class Observer:
    """Frames with time stamps in, observations out, one per control period, however fast the camera is."""

    def __init__(self, spec: ObservationSpec) -> None:
        self._spec = spec
        self._stack = FrameStack(spec)
        self._taken_ns: int | None = None

    def see(self, frame: np.ndarray, t_capture_ns: int) -> np.ndarray | None:
        """frame: as grey_view takes it; t_capture_ns: of any clock that does not go back.

        Returns the observation, uint8 (size, size, stack), when a control period has passed since the last one; None
        else: the policy then rests and its command is held. Raises ValueError as grey_view.
        """
        period_ns = self._spec.period_s * 1e9
        # 0.9: frames of a 20 Hz camera come a little less than a period apart as often as a little more
        if self._taken_ns is not None and t_capture_ns - self._taken_ns < 0.9 * period_ns:
            return None
        self._taken_ns = t_capture_ns
        return self._stack.push(grey_view(frame, self._spec))

    def clear(self) -> None:
        """Forget everything seen: a new drive begins, and its first frame is an observation."""
        self._stack.clear()
        self._taken_ns = None
