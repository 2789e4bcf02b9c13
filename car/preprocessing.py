"""The part around models/observation.py: camera frames in, observations out, one per control period."""

import numpy as np

from models.contract import ObservationSpec
from models.observation import FrameStack, grey_view


class Preprocessing:
    """Takes every frame, keeps those a control period apart, however fast the camera is."""

    def __init__(self, spec: ObservationSpec) -> None:
        self._spec = spec
        self._stack = FrameStack(spec)
        self._taken_ns: int | None = None

    def run(self, frame: np.ndarray, t_capture_ns: int) -> tuple[np.ndarray | None, bool]:
        """frame: as models.observation.grey_view takes it; t_capture_ns: monotonic.

        Returns (observation uint8 (size, size, stack), True) when a control period has passed since the last one, else
        (None, False): the policy then rests and its command is held.
        """
        period_ns = self._spec.period_s * 1e9
        # 0.9: frames of a 20 Hz camera come a little less than a period apart as often as a little more
        if self._taken_ns is not None and t_capture_ns - self._taken_ns < 0.9 * period_ns:
            return None, False
        self._taken_ns = t_capture_ns
        return self._stack.push(grey_view(frame, self._spec)), True
