"""What the person at the terminal sees: a status line, and where there is a screen, the live picture above it."""

import sys
import time
from collections import deque
from typing import TextIO

import cv2
import numpy as np

from car.simulated import SimulatedCamera, SimulatedCar
from models.contract import ActionTable

COLUMNS, ROWS = 80, 30  # characters of the live picture; each shows two pixels, one above the other
PICTURE_PERIOD_S = 0.1
LINE_PERIOD_S = 5.0  # between status lines where they can't overwrite each other
YELLOW = (255, 210, 0)


def draw_steering(frame: np.ndarray, steering: float) -> np.ndarray:
    """A copy of an RGB frame, uint8 (h, w, 3), with the steering drawn in: the arc of a car at that command."""
    picture = frame.copy()
    height, width = picture.shape[:2]
    reach = np.linspace(0, 0.45, 12)
    across = width / 2 + steering * width * 1.6 * reach**2
    points = np.stack([across, height - 1 - reach * height], axis=1)
    cv2.polylines(picture, [np.round(points * 16).astype(np.int32)], False, YELLOW, 2, cv2.LINE_AA, 4)
    return picture


def track_from_above(car: SimulatedCar, size: int = 120) -> np.ndarray:
    """The track, its start and the car, RGB uint8 (size, size, 3); y points up."""
    track = car.simulator.worlds[0].track
    low, high = track.points.min(axis=0) - track.width_m, track.points.max(axis=0) + track.width_m
    pixels_per_m = (size - 1) / (high - low).max()

    def pixel(points_m: np.ndarray) -> np.ndarray:
        at = (points_m - (low + high) / 2) * pixels_per_m * (1, -1) + (size - 1) / 2
        return np.round(at * 16).astype(np.int32)

    picture = np.full((size, size, 3), 24, np.uint8)
    width = max(1, round(track.width_m * pixels_per_m))
    cv2.polylines(picture, [pixel(track.points)], True, (90, 90, 90), width, cv2.LINE_AA, 4)
    cv2.circle(picture, pixel(track.points[0]).tolist(), 16 * max(1, width // 3), (230, 230, 230), -1, cv2.LINE_AA, 4)
    cv2.circle(
        picture, pixel(car.simulator.centre_m()[0]).tolist(), 16 * max(2, width // 2), YELLOW, -1, cv2.LINE_AA, 4
    )
    return picture


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
        car: SimulatedCar,
        camera: SimulatedCamera,
        actions: ActionTable,
        *,
        pictures: bool,
        out: TextIO = sys.stdout,
    ) -> None:
        """pictures: `out` is a terminal that can show them."""
        self._car, self._camera, self._actions = car, camera, actions
        self._pictures, self._out = pictures, out
        self._latency_ms: deque[float] = deque(maxlen=1000)
        self._frames, self._shown = 0, 0.0
        self._started = time.monotonic()

    def run(
        self,
        frame: np.ndarray,
        t_capture_ns: int,
        t_command_ns: int,
        steering: float,
        throttle: float,
        reason: str,
        advantages: np.ndarray | None,
    ) -> None:
        self._frames += 1
        self._latency_ms.append((t_command_ns - t_capture_ns) / 1e6)
        now = time.monotonic()
        if now - self._shown < (PICTURE_PERIOD_S if self._pictures else LINE_PERIOD_S):
            return
        first, self._shown = self._shown == 0.0, now
        command = f"steering {steering:+.2f}  throttle {throttle:+.2f}" + (f"  ({reason})" if reason else "")
        if self._pictures:
            camera = cv2.resize(draw_steering(frame, steering), (COLUMNS, 2 * ROWS), interpolation=cv2.INTER_AREA)
            above = track_from_above(self._car, 2 * ROWS)
            lines = as_text(np.hstack([camera, np.zeros((2 * ROWS, 2, 3), np.uint8), above]))
            lines += [self.status(), f"{command}  {self._bars(advantages)}"]
            self._out.write(("\x1b[2J" if first else "") + "\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines))
            self._out.flush()
        else:
            print(f"{self.status()}  {command}", file=self._out, flush=True)

    def status(self) -> str:
        """SIMULATED, how fast, how far, how well, in one line."""
        p50_ms, p99_ms = np.percentile(self._latency_ms or [0.0], [50, 99])
        rate_hz = self._frames / max(1e-9, time.monotonic() - self._started)
        return (
            f"SIMULATED  {rate_hz:.0f} frames/s  frame to command p50 {p50_ms:.1f} p99 {p99_ms:.1f} ms  "
            f"late frames {self._camera.overruns}  laps {self._car.laps}  "
            f"{100 * abs(self._car.offset_m):.0f} cm from the centre  left the road {self._car.off_roads} times"
        )

    def _bars(self, advantages: np.ndarray | None) -> str:
        """The advantage of each steering bin, best throttle, as a small bar chart."""
        if advantages is None:
            return ""
        best = advantages.reshape(len(self._actions.steering), -1).max(axis=1)
        level = (best - best.min()) / max(1e-9, float(np.ptp(best)))
        return "advantages " + "".join("▁▂▃▄▅▆▇█"[round(7 * float(value))] for value in level)

    def shutdown(self) -> None:
        print(self.status(), file=self._out, flush=True)
