"""How the car is, as JSON: for the page ten times a second, and at /status for anybody's script."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from car.page.shared import Shared

RATE_S = 2.0  # of the last frames, over which their rate is taken


@dataclass(frozen=True)
class About:
    """What hardly changes while the car drives."""

    label: str  # what the page calls it
    throttle_cap: float  # what a full stick on the page means
    model: Callable[[], dict[str, Any]] | None = None  # of the one that decides now, as in docs/driving.md
    actions: tuple[tuple[float, float], ...] = ()  # steering and throttle of each
    track: dict[str, Any] | None = None  # points_m and width_m, where a simulator knows them

    def as_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "throttle_cap": self.throttle_cap,
            "model": self.model() if self.model else None,
            "actions": self.actions,
            "track": self.track,
        }


def state(shared: Shared) -> dict[str, Any]:
    """What changes, but for who drives: JSON values."""
    shown, measured = shared.shown, shared.measured
    return {
        "driveMode": shown.mode,  # this and the next two: donkeycar's names
        "recording": shown.recording,
        "num_records": shown.records,
        "armed": shown.armed,
        "stopped": shown.stopped,
        "steering": round(shown.steering, 3),
        "throttle": round(shown.throttle, 3),
        "reason": shown.reason,
        "note": shown.note,
        "refused": shared.refused,
        "pilot_steering": _rounded(measured.pilot_steering),
        "pilot_throttle": _rounded(measured.pilot_throttle),
        "action": measured.action,
        "advantages": [round(one, 4) for one in measured.advantages],
        "inference_ms": _rounded(measured.inference_ms),
        "overruns": measured.overruns,
        "guardian": measured.guardian,
        "last_stop": _last_stop(shared),
        "sim": measured.place or None,
    }


def figures(shared: Shared) -> dict[str, Any]:
    """Of the last seconds: how many frames a second, and how long from a frame to its pulse."""
    trace = tuple(shared.trace)
    newest_s = trace[-1].t_s if trace else 0.0
    times_s = [moment.t_s for moment in trace if moment.t_s > newest_s - RATE_S]
    span_s = times_s[-1] - times_s[0] if len(times_s) > 1 else 0.0
    p50_ms, p99_ms = np.percentile([moment.latency_ms for moment in trace] or [0.0], [50, 99])
    return {
        "frames": trace[-1].number if trace else 0,
        "frame_rate_hz": round((len(times_s) - 1) / span_s, 1) if span_s else 0.0,
        "latency_ms": {"p50": round(float(p50_ms), 2), "p99": round(float(p99_ms), 2)},
    }


def trace_after(shared: Shared, number: int) -> tuple[int, list[list[float]]]:
    """The newest round's number; and of each after `number`: when in s, steering, throttle, latency in ms."""
    new = [moment for moment in tuple(shared.trace) if moment.number > number]
    rows = [
        [round(one.t_s, 3), round(one.steering, 3), round(one.throttle, 3), round(one.latency_ms, 2)] for one in new
    ]
    return new[-1].number if new else number, rows


def driver(shared: Shared, who: object = None) -> str:
    """you, other, pad or nobody; who: the one who asks."""
    if shared.shown.pad_drives:
        return "pad"
    command = shared.seat.command()
    if command is None:
        return "nobody"
    return "you" if who is not None and command.who is who else "other"


def _last_stop(shared: Shared) -> dict[str, Any] | None:
    measured = shared.measured
    if measured.last_stop is None:
        return None
    reason, t_ns = measured.last_stop
    return {"reason": reason, "s_ago": round((measured.t_capture_ns - t_ns) / 1e9, 1)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
