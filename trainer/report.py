"""`manage.py evaluate`: int8 and float on the same tracks, beside the driver that sees the track. No TensorFlow."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.agreement import Agreement, agreement
from models.contract import Contract
from models.decision import decide
from models.folder import Model
from models.runtime import TFLitePolicy
from sim_bridge.simulator import Simulator
from storage.files import write_folder
from trainer.evaluation import Chooser, Summary, drive_tracks, summarise, teacher
from trainer.film import EVERY, as_gif, film

BATCH = 50  # tracks simulated at once: each holds a painted floor of about a megabyte


@dataclass(frozen=True)
class Evaluation:
    """The three drivers' summaries, and how int8 and float agree on the frames of int8's drives."""

    model: str
    laps: int
    seed: int
    int8: Summary
    float32: Summary
    teacher: Summary
    int8_against_float: Agreement

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {name: getattr(self, name).as_json() for name in ("int8", "float32", "teacher")}


def evaluate_model(model: Model, tracks: int, laps: int, seed: int, *, progress: bool) -> Evaluation:
    """Drive `tracks` tracks `laps` times with each of the three. Raises ModelError without the float file."""
    contract = model.contract
    reference = model.float_policy()
    chosen, by_reference = [], []  # on each frame of int8's drives: its action, and float's advantages
    decide_int8 = _greedy(model.policy, contract)

    def int8(observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> np.ndarray:
        actions = decide_int8(observations, cars, simulator)
        chosen.extend(actions)
        by_reference.extend(reference.advantages(one) for one in observations)
        return actions

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), disable=not progress,
    ) as bars:  # fmt: skip

        def drive(name: str, choose: Chooser) -> Summary:
            task = bars.add_task(name, total=tracks)
            results = []
            for first in range(0, tracks, BATCH):
                results += drive_tracks(
                    choose, contract, min(BATCH, tracks - first), laps, seed, first_track=first,
                    tick=lambda stopped, first=first: bars.update(task, completed=first + stopped),
                )  # fmt: skip
            return summarise(results)

        summaries = [
            drive("int8", int8),
            drive("float", _greedy(reference, contract)),
            drive("teacher", teacher(contract)),
        ]
    compared = agreement(np.array(chosen), np.stack(by_reference), contract.actions)
    return Evaluation(str(model.folder), laps, seed, *summaries, compared)


def leave_behind(model: Model, evaluation: Evaluation, drives: Path) -> Path:
    """In a folder of its own in drives: summary.json, as `--json` prints it, and drive.gif, int8's first seconds on the
    first track. Returns the folder. Raises StorageError."""
    folder = drives / time.strftime("%Y-%m-%d-%H%M%S-evaluate")
    frames = film(_greedy(model.policy, model.contract), model.contract, evaluation.seed)
    with write_folder(folder) as staging:
        (staging / "summary.json").write_text(json.dumps(evaluation.as_json(), indent=2) + "\n", encoding="utf-8")
        (staging / "drive.gif").write_bytes(as_gif(frames, EVERY * model.contract.observation.period_s))
    return folder


def _greedy(policy: TFLitePolicy, contract: Contract) -> Chooser:
    """Decides as the car does: ties go to the steering nearest to the one the car holds."""

    def choose(observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> np.ndarray:
        held = simulator.bicycles.commanded_steering[cars]
        return np.array(
            [
                decide(policy.advantages(one), contract.actions, steering)
                for one, steering in zip(observations, held, strict=True)
            ]
        )

    return choose


def table(evaluation: Evaluation) -> None:
    """Print the evaluation for people."""
    tracks = evaluation.int8.tracks
    grid = Table(
        title=f"{evaluation.model}: {tracks} unseen tracks, {evaluation.laps} laps each, seed {evaluation.seed}"
    )
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
    console.print(f"int8 against float: {evaluation.int8_against_float}", soft_wrap=True)
    console.print("teacher: pure pursuit that sees the track, held to the same actions", style="dim", soft_wrap=True)
