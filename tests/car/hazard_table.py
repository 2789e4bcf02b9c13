"""What tests/car/test_hazards.py measured, and the table of docs/safety.md made from it:

    python -m tests.car.hazard_table

Each run of a test adds to reports/hazards.json; the table shows the worst of the last 60. Tests of the page and of
the recording record their rows (8, 15, 20) here too.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from settings import PROJECT

REPORT = PROJECT / "reports" / "hazards.json"
PAGE = PROJECT / "docs" / "safety.md"
BEGIN, END = "<!-- hazards -->", "<!-- end of hazards -->"
KEPT = 60  # of the newest measurements; a row has up to three tests, each run records once
STOOD_STILL_MS = 100.0
LOOP_MS = 55.0  # the contract's period of 50 ms, in which the camera blocks, and the work that follows the frame


@dataclass(frozen=True)
class Hazard:
    """A way in which a Donkey car is known to run away."""

    event: str
    donkeycar: str  # what donkeycar 5.3.0 does: measured on its classes, or read in its source (R)
    promise: str
    limit_ms: float | None = None  # from the event to the neutral pulse standing in the chip


HAZARDS = {
    1: Hazard("SIGTERM to the driving process", "last throttle stays for ever", "neutral", 100),
    2: Hazard("SIGHUP: ssh or Wi-Fi drops", "last throttle stays", "neutral", 100),
    3: Hazard("SIGKILL, or out of memory", "last throttle stays (R)", "neutral", 250),
    4: Hazard("Ctrl-C", "neutral after 1.31 s", "neutral", 100),
    5: Hazard("a second Ctrl-C during shutdown", "car left at throttle", "neutral", 100),
    6: Hazard("e-stop in full autopilot", "ignored: throttle stays", "neutral in one loop, latched", LOOP_MS),
    7: Hazard("the camera freezes, or its thread dies", "drives on the last frame for ever", "neutral", 250),
    8: Hazard("the driver's page closes, or its Wi-Fi drops", "last throttle stays", "neutral", 500),
    9: Hazard("a part raises", "stops, exits 0", "neutral, exit code not 0", 100),
    10: Hazard("the policy hangs, or takes 10 times its time", "last throttle stays", "neutral", 250),
    11: Hazard("the policy's action is NaN or out of range", "stops by luck", "neutral, or the cap", LOOP_MS),
    12: Hazard(
        "I2C writes fail: once; for ever", "logged, not counted", "repeated; neutral tried, latched, exit not 0"
    ),
    13: Hazard("the wall clock steps back 3 s", "loop stalls 3 s with PWM on", "no effect"),
    14: Hazard("the driving process is stopped, or gets no CPU", "last throttle stays (R)", "neutral", 250),
    15: Hazard(
        "99, or no number, from the network", "99 is full throttle; text stops the car", "refused, nothing moves"
    ),
    16: Hazard("the model's file is cut short while driving", "reloads in the loop, throttle held", "drives on"),
    17: Hazard("start of the program", "full forward, full reverse, 10 ms each", "only neutral until armed"),
    18: Hazard("the guardian is killed", "(no such thing)", "neutral, by a new one", 500),
    19: Hazard("two programs want the servos", "both write", "the second is refused"),
    20: Hazard("disk full while recording", "(R) the loop raises", "drives on, recording stops"),
}


def record(row: int, *, measured_ms: float | None = None, late_ms: float = 0.0, note: str = "") -> None:
    """A test of this row has passed. measured_ms: event to neutral by the chip's time stamps, where there is such a
    time; late_ms: how late a thread of the test's own was woken meanwhile, which was allowed for. A run in which the
    whole machine stood still is no measurement."""
    if late_ms > STOOD_STILL_MS:
        return
    rows = _read()
    entry = rows.setdefault(str(row), {"runs": []})
    entry["runs"] = [*entry["runs"], {"measured_ms": measured_ms, "late_ms": late_ms, "note": note}][-KEPT:]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(rows, indent=1))


def table() -> str:
    """Markdown: event, donkeycar, promise, measured."""
    rows = _read()
    lines = [
        "| # | event | donkeycar 5.3.0 | here | promised | measured, worst | times |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, hazard in HAZARDS.items():
        runs = rows.get(str(number), {"runs": []})["runs"]
        times = [run["measured_ms"] for run in runs if run["measured_ms"] is not None]
        measured = f"{max(times):.0f} ms" if times else ("holds" if runs else "not run")
        limit = f"{hazard.limit_ms:.0f} ms" if hazard.limit_ms is not None else ""
        cells = [str(number), hazard.event, hazard.donkeycar, hazard.promise, limit, measured, str(len(runs))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _read() -> dict[str, dict[str, list[dict[str, float | str | None]]]]:
    try:
        rows: dict[str, dict[str, list[dict[str, float | str | None]]]] = json.loads(REPORT.read_text())
    except FileNotFoundError:
        return {}
    return rows


def write_page(page: Path = PAGE) -> None:
    """Put the table in its place in docs/safety.md."""
    text = page.read_text()
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    page.write_text(f"{before}\n{table()}\n{after}")


if __name__ == "__main__":
    write_page()
    print(table())
