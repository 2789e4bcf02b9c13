"""The part around models/observation.py: camera frames in, observations out, one per control period."""

import numpy as np

from models.contract import ObservationSpec
from models.observation import Observer


class Preprocessing:
    """Takes every frame, keeps those a control period apart, however fast the camera is."""

    def __init__(self, spec: ObservationSpec) -> None:
        self._observer = Observer(spec)

    def run(self, frame: np.ndarray, t_capture_ns: int) -> tuple[np.ndarray | None, bool]:
        """frame: as models.observation.grey_view takes it; t_capture_ns: monotonic.

        Returns (observation uint8 (size, size, stack), True) when it is the policy's turn, (None, False) else.
        """
        observation = self._observer.see(frame, t_capture_ns)
        return observation, observation is not None
