"""`bench loop`: from a frame that is ready to the pulse that it caused, standing in the simulated chip; beside it, in
the same run, donkeycar's own parts on the same camera and the same chip."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from errors import UserError
from settings import PROJECT

RATE_HZ = 40.0  # what most of the Pi's sensors do with their whole field of view
RUNS = 5  # of each contestant; they take turns, so that what else the machine does falls on all
OURS, DONKEYCAR = "car.bench_ours", "car.bench_donkeycar"
DONKEYCARS = "donkeycar's parts"
FRAME_TO_PULSE = "total"


@dataclass(frozen=True)
class Stage:
    """Milliseconds: medians of the runs' own, and the longest of all."""

    name: str
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Contestant:
    """Its stages in order, then the total."""

    name: str
    decisions: int
    stages: list[Stage]

    @property
    def total(self) -> Stage:
        return next(stage for stage in self.stages if stage.name == FRAME_TO_PULSE)


@dataclass(frozen=True)
class LoopBench:
    """What `bench loop` found."""

    machine: str
    frames: int
    rate_hz: float
    contestants: list[Contestant]  # ours, watched where that was asked for, donkeycar's where its model is there

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"times_donkeycar_p99": self.times_donkeycar_p99, "rest_p50_ms": self.rest_p50_ms}

    @property
    def times_donkeycar_p99(self) -> float | None:
        """How many times longer donkeycar's takes, at p99."""
        ours, last = self.contestants[0], self.contestants[-1]
        return last.total.p99_ms / ours.total.p99_ms if last.name == DONKEYCARS else None

    @property
    def rest_p50_ms(self) -> float:
        """All of ours that is not inference."""
        return next(stage.p50_ms for stage in self.contestants[0].stages if stage.name == "all but the policy")


def bench_loop(
    frames: int,
    tub: Path | None,
    linear: Path | None,
    machine: str,
    tick: Callable[[int, int], None],
    viewers: int | None = None,
) -> LoopBench:
    """Measure over so many camera frames. linear: donkeycar's linear model as .tflite, None to leave donkeycar out;
    viewers: of the driver's page, None to leave that contestant out; tick is called with the number of runs done and of
    all. Raises UserError where a contestant fails."""
    a_run = frames // RUNS
    options: dict[str, Any] = {"frames": a_run, "rate_hz": RATE_HZ, "tub": str(tub) if tub else None}
    starts = {"this car": (OURS, options)}
    if viewers is not None:
        starts[f"this car, {viewers} watch its page"] = (OURS, options | {"viewers": viewers})
    if linear:
        starts[DONKEYCARS] = (DONKEYCAR, options | {"linear": str(linear)})
    runs: dict[str, list[list[dict[str, float]]]] = {name: [] for name in starts}
    for done in range(RUNS):
        for number, (name, (module, own)) in enumerate(starts.items(), start=1):
            rows = _run(module, own)
            for row in rows if module == OURS else []:
                row["all but the policy"] = row[FRAME_TO_PULSE] - row["policy"]
            runs[name].append(rows)
            tick(done * len(starts) + number, RUNS * len(starts))
    contestants = [Contestant(name, sum(map(len, rows)), _stages(rows)) for name, rows in runs.items()]
    return LoopBench(machine, a_run * RUNS, RATE_HZ, contestants)


def _run(module: str, options: dict[str, Any]) -> list[dict[str, float]]:
    """A contestant's samples."""
    rows: list[dict[str, float]] = run_beside(module, options)
    if not rows:
        raise UserError(f"{module} wrote no pulse; take more --frames")
    return rows


def run_beside(module: str, options: dict[str, Any]) -> Any:
    """What a program of ours says in JSON, that is given its options in JSON, in a process of its own. Raises
    UserError where it fails."""
    # Files, not pipes: the simulated chip outlives its starter, and would hold a pipe open.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as complaints:
        command = [sys.executable, "-m", module, json.dumps(options)]
        code = subprocess.run(command, cwd=PROJECT, stdout=out, stderr=complaints, check=False).returncode  # noqa: S603
        out.seek(0)
        complaints.seek(0)
        said, complaint = out.read(), complaints.read().strip().splitlines() or ["it said nothing"]
    if code or not said:
        raise UserError(f"{module} could not be measured: {complaint[-1]}")
    return json.loads(said)


def _stages(runs: list[list[dict[str, float]]]) -> list[Stage]:
    stages = []
    for name in runs[0][0]:
        each = np.array([np.percentile([row[name] for row in rows], [50, 99, 100]) for rows in runs])
        p50_ms, p99_ms, _ = np.median(each, axis=0)
        stages.append(Stage(name, float(p50_ms), float(p99_ms), float(each[:, 2].max())))
    return stages


def print_table(result: LoopBench, console: Console) -> None:
    """For a person."""
    table = Table(title="Frame ready to pulse written, ms", caption=result.machine)
    table.add_column("")
    for heading in ("p50", "p99", "max"):
        table.add_column(heading, justify="right")
    for contestant in result.contestants:
        table.add_section()
        table.add_row(f"[bold]{contestant.name}[/]")
        for stage in contestant.stages:
            style = "bold" if stage.name == FRAME_TO_PULSE else ""
            figures = (f"{value:.2f}" for value in (stage.p50_ms, stage.p99_ms, stage.max_ms))
            table.add_row(f"  {stage.name}", *figures, style=style)
    console.print(table)
    console.print(
        f"p50 and p99: medians of {RUNS} runs. {result.frames} frames at {result.rate_hz:.0f} Hz, of which "
        + " and ".join(f"{contestant.name} decided on {contestant.decisions}" for contestant in result.contestants)
    )
    if result.times_donkeycar_p99 is None:
        console.print("donkeycar's linear model is not there to compare with; `make install-trainer` brings its maker")
    else:
        console.print(f"donkeycar's parts take {result.times_donkeycar_p99:.1f} times as long at p99")
