"""What the person at the terminal sees: a status line, and where there is a screen, the live picture above it."""

import shutil
import sys
import time
from collections import deque
from typing import Protocol, TextIO

import cv2
import numpy as np

from car.qr_code import qr_code
from models.folder import Model
from models.pictures import draw_steering

COLUMNS, ROWS = 80, 30  # characters of the live picture; each shows two pixels, one above the other
GAP = 2  # columns between two pictures
PICTURE_PERIOD_S = 0.1
LINE_PERIOD_S = 5.0  # between status lines where they can't overwrite each other


class Place(Protocol):
    """Where the car drives, as far as the display tells it."""

    def words(self) -> str:
        """What the status line ends with."""

    def second_picture(self, size: int) -> np.ndarray | None:
        """What is shown beside the frame, if anything: RGB uint8 (size, size, 3)."""


class Camera(Protocol):
    """Any camera: it counts the frames that the loop was too late for."""

    @property
    def overruns(self) -> int: ...


def as_text(picture: np.ndarray) -> list[str]:
    """RGB uint8 (2 n, m, 3) -> n lines of m characters: upper half blocks in the colours of two pixels each."""
    lines = []
    for upper, lower in zip(picture[0::2].tolist(), picture[1::2].tolist(), strict=True):
        cells = (
            f"\x1b[38;2;{a[0]};{a[1]};{a[2]};48;2;{b[0]};{b[1]};{b[2]}m▀" for a, b in zip(upper, lower, strict=True)
        )
        lines.append("".join(cells) + "\x1b[0m")
    return lines


class Display:
    """The last part of the loop, so that nothing waits for it but the next frame."""

    def __init__(
        self,
        label: str,
        place: Place,
        camera: Camera,
        words: str = "",
        *,
        pictures: bool,
        code: str = "",
        out: TextIO = sys.stdout,
    ) -> None:
        """label: what it is that drives, in capitals. words: how to take part, shown throughout.
        pictures: `out` is a terminal that can show them. code: a link that a phone may read off the screen, where
        nothing else is shown beside the camera's picture and the terminal is wide enough."""
        self._label, self._place, self._camera = label, place, camera
        self._pictures, self._out = pictures, out
        self._latency_ms: deque[float] = deque(maxlen=1000)
        self._frames, self._shown = 0, 0.0
        self._started = time.monotonic()
        self._words = words
        wide = shutil.get_terminal_size().columns >= COLUMNS + GAP + 2 * ROWS
        self._code = qr_code(code, 2 * ROWS) if pictures and code and wide else None
        if words and not pictures:
            print(words, file=out, flush=True)

    def run(
        self,
        frame: np.ndarray,
        t_capture_ns: int,
        t_command_ns: int,
        steering: float,
        throttle: float,
        reason: str,
        advantages: np.ndarray | None,
        guardian_reason: str = "",
        model: Model | None = None,
    ) -> None:
        """advantages: float32 (actions,), of the last decision; model: who decided."""
        self._frames += 1
        reason = guardian_reason or reason
        self._latency_ms.append((t_command_ns - t_capture_ns) / 1e6)
        now = time.monotonic()
        if now - self._shown < (PICTURE_PERIOD_S if self._pictures else LINE_PERIOD_S):
            return
        first, self._shown = self._shown == 0.0, now
        command = f"steering {steering:+.2f}  throttle {throttle:+.2f}" + (f"  ({reason})" if reason else "")
        if self._pictures:
            colours = frame if frame.ndim == 3 else cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB)
            picture = cv2.resize(draw_steering(colours, steering), (COLUMNS, 2 * ROWS), interpolation=cv2.INTER_AREA)
            second = self._place.second_picture(2 * ROWS)
            second = self._code if second is None else second
            if second is not None:
                picture = np.hstack([picture, np.zeros((2 * ROWS, GAP, 3), np.uint8), second])
            lines = [
                *as_text(picture),
                self.status(),
                f"{command}  {self._bars(advantages, model)}",
                *self._words.splitlines(),
            ]
            self._out.write(("\x1b[2J" if first else "") + "\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines))
            self._out.flush()
        else:
            print(f"{self.status()}  {command}", file=self._out, flush=True)

    def status(self) -> str:
        """Simulated or not, how fast, how far, how well, in one line."""
        p50_ms, p99_ms = np.percentile(self._latency_ms or [0.0], [50, 99])
        rate_hz = self._frames / max(1e-9, time.monotonic() - self._started)
        return (
            f"{self._label}  {rate_hz:.0f} frames/s  frame to command p50 {p50_ms:.1f} p99 {p99_ms:.1f} ms  "
            f"late frames {self._camera.overruns}  {self._place.words()}"
        )

    def _bars(self, advantages: np.ndarray | None, model: Model | None) -> str:
        """The advantage of each steering bin, best throttle, as a small bar chart."""
        if advantages is None or model is None:
            return ""
        best = advantages.reshape(len(model.contract.actions.steering), -1).max(axis=1)
        level = (best - best.min()) / max(1e-9, float(np.ptp(best)))
        return "advantages " + "".join("▁▂▃▄▅▆▇█"[round(7 * float(value))] for value in level)

    def shutdown(self) -> None:
        # Ctrl-C may have cut a picture short, in the middle of a line and of a colour.
        before, after = ("\r\x1b[0m", "\x1b[K") if self._pictures else ("", "")
        print(f"{before}{self.status()}{after}", file=self._out, flush=True)
