"""What a drive leaves behind: a film of its last seconds, drawn when it has ended, and its figures."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from models.folder import MODEL, Model
from models.left_behind import film_picture, leave_behind, now

DRIVES = "drives"  # in the car's own folder: films and recordings
FILM_S = 20.0  # the film shows the drive's last seconds: bounded memory (12 MB), however long the drive
PERIOD_S = 0.1  # from picture to picture
FINEST_MS, SLOWEST_MS = 0.1, 1000.0  # latencies are counted in steps of the first; beyond the second they count as that


class Place(Protocol):
    """Where the car drives, as far as its log tells it."""

    def moment(self) -> Callable[[int], np.ndarray] | None:
        """What draws, whenever it is called, the track and the car where it is now: RGB uint8 (size, size, 3). None
        where nobody knows where that is."""

    def figures(self) -> dict[str, object]:
        """How far and how well it has driven, as JSON values."""


class Logbook:
    """A part at the end of the loop: keeps a frame now and then, and counts."""

    def __init__(self, place: Place, label: str) -> None:
        """label: as the display has it."""
        self._place, self._label = place, label
        self._began = now()
        self._kept: deque[tuple[np.ndarray, float, Callable[[int], np.ndarray] | None]] = deque(
            maxlen=round(FILM_S / PERIOD_S)
        )
        self._due_ns: float = 0.0
        self._frames = 0
        self._latencies = np.zeros(round(SLOWEST_MS / FINEST_MS) + 1, int)  # how many frames took so many steps

    def run(self, frame: np.ndarray, t_capture_ns: int, t_command_ns: int, steering: float) -> None:
        """frame: RGB uint8 (h, w, 3) or luma (h, w); times of one clock; steering: what the car was told."""
        self._frames += 1
        steps = (t_command_ns - t_capture_ns) / 1e6 / FINEST_MS
        self._latencies[int(min(max(steps, 0), len(self._latencies) - 1))] += 1
        if t_capture_ns >= self._due_ns:
            # 0.9: frames come a little early as often as a little late
            self._due_ns = t_capture_ns + 0.9e9 * PERIOD_S
            self._kept.append((frame.copy(), steering, self._place.moment()))

    def leave(self, drives: Path, model: Model) -> Path | None:
        """Write the film and the summary into a folder of their own in drives, and return it; None without a frame.

        Not in `shutdown`, whose exceptions donkeycar swallows. Raises StorageError.
        """
        if not self._kept:
            return None
        summary = {
            "model": str(model.folder),
            "model_sha256": model.manifest.files[MODEL].sha256,
            "place": self._label,
            **self._place.figures(),
            "frames": self._frames,
            "latency_ms": {"p50": self.latency_ms(0.5), "p99": self.latency_ms(0.99)},
        }
        film = [
            film_picture(frame, steering, draw(frame.shape[0]) if draw else None)
            for frame, steering, draw in self._kept
        ]
        return leave_behind(drives, "drive", self._began, summary, film, PERIOD_S)

    def latency_ms(self, share: float) -> float:
        """From frame to command: so large a share of all frames took no longer, rounded up to FINEST_MS."""
        steps = int(np.searchsorted(np.cumsum(self._latencies), share * self._frames))
        return round((steps + 1) * FINEST_MS, 1)
