"""`manage.py evaluate`: int8 and float on the same tracks, beside the driver that sees the track. No TensorFlow."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.agreement import Agreement, agreement
from models.contract import Contract
from models.decision import Decisions
from models.folder import MODEL, Model
from models.left_behind import leave_behind, now
from models.runtime import TFLitePolicy
from sim_bridge import scene
from sim_bridge.calibrated import centred
from sim_bridge.distributions import table_named
from sim_bridge.simulator import Simulator
from sim_bridge.track import CentreLine, Track
from trainer.evaluation import (
    Chooser,
    Summary,
    TrackResult,
    as_measured,
    drive_tracks,
    greedy,
    summarise,
    teacher,
    with_throttle,
)
from trainer.film import EVERY, film

TRACKS, CARS_ON_EACH = 50, 5  # where nobody says how many: drawn tracks, or cars on each given one
BATCH = 50  # tracks simulated at once: each holds a painted floor of about a megabyte
LARGE_BATCH = 5  # of given tracks: a floor of up to 40 megabytes


@dataclass(frozen=True)
class OnTrack:
    """How many of the cars on one given track finished it, by driver."""

    length_m: float
    cars: int
    finished: dict[str, int]


@dataclass(frozen=True)
class Evaluation:
    """The three drivers' summaries, and how int8 and float agree on the frames of int8's drives."""

    model: str
    table: str  # of the worlds
    constant_throttle: float | None  # None: as the policy chooses
    laps: int
    seed: int
    int8: Summary
    float32: Summary
    teacher: Summary
    int8_against_float: Agreement
    by_track: dict[str, OnTrack]  # where tracks were given, by name
    began: datetime = field(compare=False)
    inference_ms: dict[str, float] = field(compare=False)  # int8's p50 and p99, decision included
    centre_lines: Sequence[CentreLine] = field(compare=False)
    measured: Mapping[str, tuple[float, float]]  # of the car, where it drove for one

    @property
    def worlds(self) -> scene.Table:
        """Where they drove."""
        return centred(table_named(self.table), self.measured)

    def as_json(self) -> dict[str, object]:
        """What the same seed gives again on any machine of a kind; neither when it was nor how fast."""
        return {
            "model": self.model,
            "table": self.table,
            "calibration": dict(self.measured) or None,
            "constant_throttle": self.constant_throttle,
            "laps": self.laps,
            "seed": self.seed,
            "int8": self.int8.as_json(),
            "float32": self.float32.as_json(),
            "teacher": self.teacher.as_json(),
            "int8_against_float": asdict(self.int8_against_float),
            "by_track": {name: asdict(one) for name, one in self.by_track.items()},
        }


def evaluate_model(
    model: Model,
    tracks: int | None,
    laps: int,
    seed: int,
    *,
    table: str = "evaluation",
    centre_lines: Sequence[CentreLine] = (),
    constant_throttle: float | None = None,
    measured: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    progress: bool,
) -> Evaluation:
    """Drive each of `tracks` tracks `laps` times with each of the three. Raises ModelError without the float file,
    UserError where there is no such table.

    measured: of the car that drives, as calibration.known has it.
    constant_throttle: of all three, instead of what they choose.
    tracks: TRACKS drawn at random where None. centre_lines: instead, `tracks` cars (CARS_ON_EACH) drive each of these.
    """
    began, contract, worlds = now(), model.contract, centred(table_named(table), measured)
    reference = model.float_policy()
    chosen, by_reference = [], []  # on each frame of int8's drives: its action, and float's advantages
    durations_ms = []
    decide_int8 = _as_the_car(model.policy, contract, constant_throttle, measured)
    on_each = tracks or (CARS_ON_EACH if centre_lines else TRACKS)
    cars_in_all = on_each * max(1, len(centre_lines))

    def int8(observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        started = time.perf_counter()
        decided = decide_int8(observations, cars, simulator)
        durations_ms.append(1000 * (time.perf_counter() - started) / len(cars))
        chosen.extend(decided.action)
        by_reference.extend(reference.advantages(one) for one in observations)
        return decided

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), disable=not progress,
    ) as bars:  # fmt: skip

        def drive(name: str, choose: Chooser) -> list[TrackResult]:
            """On the first line all cars, then on the next; without lines each on a track of its own."""
            task = bars.add_task(name, total=cars_in_all)
            results: list[TrackResult] = []
            for lines, batch in [([line], LARGE_BATCH) for line in centre_lines] or [([], BATCH)]:
                for first in range(0, on_each, batch):
                    done = len(results)
                    results += drive_tracks(
                        choose, contract, min(batch, on_each - first), laps, seed,
                        table=worlds, first_track=first, centre_lines=lines, looks=name != "teacher",
                        tick=lambda stopped, done=done: bars.update(task, completed=done + stopped),
                    )  # fmt: skip
            return results

        drivers = {
            "int8": int8,
            "float": _as_the_car(reference, contract, constant_throttle, measured),
            "teacher": with_throttle(teacher(contract), constant_throttle),
        }
        results = {name: drive(name, choose) for name, choose in drivers.items()}
    p50_ms, p99_ms = np.percentile(durations_ms, [50, 99])
    return Evaluation(
        model=str(model.folder),
        table=table,
        constant_throttle=constant_throttle,
        laps=laps,
        seed=seed,
        int8=summarise(results["int8"]),
        float32=summarise(results["float"]),
        teacher=summarise(results["teacher"]),
        int8_against_float=agreement(np.array(chosen), np.stack(by_reference), contract.actions),
        by_track={
            line.name: OnTrack(
                length_m=round(Track(line.points, 1).length_m, 2),
                cars=on_each,
                finished={
                    name: sum(one.finished for one in driven[place * on_each : (place + 1) * on_each])
                    for name, driven in results.items()
                },
            )
            for place, line in enumerate(centre_lines)
        },
        began=began,
        inference_ms={"p50": round(float(p50_ms), 3), "p99": round(float(p99_ms), 3)},
        centre_lines=centre_lines,
        measured=measured,
    )


def leave_evaluation(model: Model, evaluation: Evaluation, drives: Path) -> Path:
    """In a folder of its own in drives: a film of int8's first seconds on the first track, and the summary: what
    `--json` prints, and when, by which command, how fast. Returns the folder. Raises StorageError."""
    contract = model.contract
    choose = _as_the_car(model.policy, contract, evaluation.constant_throttle, evaluation.measured)
    pictures = film(choose, contract, evaluation.seed, evaluation.centre_lines, table=evaluation.worlds)
    summary = {
        "model_sha256": model.manifest.files[MODEL].sha256,
        **evaluation.as_json(),
        "inference_ms": evaluation.inference_ms,
    }
    period_s = EVERY * contract.observation.period_s
    return leave_behind(drives, "evaluate", evaluation.began, summary, pictures, period_s)


def _as_the_car(
    policy: TFLitePolicy,
    contract: Contract,
    constant_throttle: float | None,
    measured: Mapping[str, tuple[float, float]],
) -> Chooser:
    choose = greedy(lambda observations, _: np.stack([policy.advantages(one) for one in observations]), contract)
    return with_throttle(as_measured(choose, contract, measured), constant_throttle)


def print_table(evaluation: Evaluation) -> None:
    """Print the evaluation for people."""
    tracks, given = evaluation.int8.tracks, evaluation.by_track
    worlds = "" if evaluation.table == "evaluation" else f", table {evaluation.table}"
    what = (
        f"{len(given)} given track{'s' if len(given) > 1 else ''}, {tracks} cars"
        if given
        else f"{tracks} unseen tracks"
    )
    laps = f"{evaluation.laps} lap{'s' if evaluation.laps > 1 else ''}"
    grid = Table(title=f"{evaluation.model}: {what}{worlds}, {laps} each, seed {evaluation.seed}")
    for heading in ("driver", "finished", "left the road", "mean from centre", "worst", "lap time"):
        grid.add_column(heading, justify="left" if heading == "driver" else "right")
    for name, summary in (
        ("int8", evaluation.int8),
        ("float", evaluation.float32),
        ("teacher", evaluation.teacher),
    ):
        grid.add_row(
            name,
            f"{summary.finished} ({summary.finished_share:.1%})",
            str(summary.off_road),
            f"{100 * summary.mean_offset_m:.1f} cm",
            f"{100 * summary.worst_offset_m:.1f} cm",
            f"{summary.lap_s:.1f} s" if summary.lap_s else "-",
        )
    console = Console()
    console.print(grid)
    if given:
        console.print(_by_track(given))
    drivable = [driven for driven, by_teacher in zip(evaluation.int8.results, evaluation.teacher.results, strict=True)
                if by_teacher.finished]  # fmt: skip
    if len(drivable) < tracks:
        finished = sum(driven.finished for driven in drivable)
        console.print(f"of the {len(drivable)} that the teacher finishes, int8 finishes {finished}", soft_wrap=True)
    console.print(f"int8 against float: {evaluation.int8_against_float}", soft_wrap=True)
    console.print("teacher: pure pursuit that sees the track, held to the same actions", style="dim", soft_wrap=True)


def _by_track(given: dict[str, OnTrack]) -> Table:
    grid = Table(title="finished, of all cars on that track")
    for heading in ("track", "length", "int8", "float", "teacher"):
        grid.add_column(heading, justify="left" if heading == "track" else "right")
    for name, one in given.items():
        grid.add_row(name, f"{one.length_m:.1f} m", *(f"{done} of {one.cars}" for done in one.finished.values()))
    return grid
