"""`manage.py train`: one run in one folder, from the first random action to a model that `drive` can take.

runs/NAME/
    settings.json     hyper-parameters, contract, command, commit
    metrics.jsonl     a line a second, and one for each evaluation
    weights.npz       of the best network so far
    model/            the model folder, when the run has ended
"""

import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow talks about the CPU before one can ask it not to
import cv2
import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from errors import UserError
from models.contract import Contract
from settings import PROJECT
from storage.files import StorageError, write_file
from trainer.ddqn import Progress, train
from trainer.evaluation import Summary
from trainer.export import advantage_network, convert, shift_bias
from trainer.hyperparameters import Hyperparameters
from trainer.package import mean_error, package, without_tensorflow

CALIBRATION_FRAMES = 2000


def run(
    folder: Path, hyperparameters: Hyperparameters, minutes: float | None, frames: int | None, console: Console
) -> Path:
    """Train, keep the best, export it. Returns the model folder. Ctrl-C ends the training early, and exports too.

    Raises UserError: the folder is taken or cannot be written, the disk is full.
    """
    if folder.exists():
        raise UserError(f"{folder} exists already; give this run another --name")
    _share_the_cores()
    contract = Contract()
    command = _command(hyperparameters, minutes, frames)
    write_file(
        folder / "settings.json",
        _json(
            {
                "command": command,
                "commit": _commit(),
                "hyperparameters": hyperparameters.model_dump(),
                "contract": contract.model_dump(mode="json"),
            }
        ),
    )
    kept: dict[str, Progress] = {}

    def keep(network: keras.Model, progress: Progress) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, **{str(index): weight for index, weight in enumerate(network.get_weights())})
        write_file(folder / "weights.npz", buffer.getvalue())
        kept["evaluation"] = progress.evaluation

    with _Report(folder / "metrics.jsonl", console) as report, _stop_on_ctrl_c(console) as stop:
        learner, replay = train(
            contract, hyperparameters, minutes * 60 if minutes else None, frames, report, keep, stop
        )
    if not kept:
        shutil.rmtree(folder)
        raise UserError("ended before anything was learnt, so nothing is kept; let it run for a minute at least")
    with np.load(folder / "weights.npz", allow_pickle=False) as weights:
        learner.online.set_weights([weights[str(index)] for index in range(len(weights))])
    console.print("exporting the best network to int8 ...")
    frames = replay.frames_for_calibration(CALIBRATION_FRAMES)
    calibrating, comparing = frames[::2], frames[1::2]
    network = advantage_network(learner.online, contract)
    float32 = convert(network)
    shift_bias(network, without_tensorflow(mean_error, convert(network, calibrating), float32, calibrating))
    now = datetime.now(UTC)
    best: Summary = kept["evaluation"]
    alike = without_tensorflow(
        package,
        folder / "model",
        convert(network, calibrating),
        float32,
        comparing,
        {
            "name": folder.name,
            "sequence": int(now.timestamp()),
            "created": now.isoformat(timespec="seconds"),
            "contract": contract,
            "contract_digest": contract.digest,
            "trained_on": "the embedded simulator, table `training` of sim_bridge/distributions.py",
            "command": command,
            "hyperparameters": hyperparameters.model_dump(),
            "commit": _commit(),
            "evaluation": {
                "validation_tracks": best.tracks,
                "validation_finished": best.finished,
                "validation_mean_offset_m": round(best.mean_offset_m, 4),
            },
        },
    )
    console.print(f"int8 against float: {alike}", soft_wrap=True)
    return folder / "model"


class _Report:
    """The progress line on the terminal, and metrics.jsonl."""

    def __init__(self, path: Path, console: Console) -> None:
        self._path, self._console = path, console
        self._printed_s = 0.0

    def __enter__(self) -> "_Report":
        try:
            self._file = self._path.open("w", encoding="utf-8")
        except OSError as error:
            raise StorageError(f"cannot write {self._path}: {error.strerror}") from error
        self._status = self._console.status("the first cars set off ...")
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()
        self._file.close()

    def __call__(self, progress: Progress) -> None:
        elapsed_s = max(progress.elapsed_s, 1e-9)
        left_s = progress.elapsed_s * (1 / progress.share - 1) if progress.share > 0 else None
        line = (
            f"{_clock(progress.elapsed_s)}  {progress.frames / elapsed_s:.0f} steps/s  "
            f"{progress.updates / elapsed_s:.0f} updates/s  epsilon {progress.epsilon:.2f}  "
            f"return {progress.episode_return:.1f} in {progress.episode_steps:.0f} steps  {_clock(left_s)} left"
        )
        if progress.evaluation:
            evaluation = progress.evaluation
            self._console.print(
                f"{_clock(progress.elapsed_s)}  finished {evaluation.finished} of {evaluation.tracks} unseen tracks, "
                f"{100 * evaluation.mean_offset_m:.1f} cm from the centre",
                soft_wrap=True,
            )
        if self._console.is_terminal:
            self._status.update(line)
        elif progress.elapsed_s - self._printed_s > 10:
            self._printed_s = progress.elapsed_s
            self._console.print(line, soft_wrap=True)
        names = ("elapsed_s", "frames", "updates", "epsilon", "loss", "q", "episode_return", "episode_steps")
        metrics = {name: getattr(progress, name) for name in names}
        if progress.evaluation:
            metrics["finished_share"] = progress.evaluation.finished_share
            metrics["mean_offset_m"] = progress.evaluation.mean_offset_m
        try:
            self._file.write(json.dumps(metrics) + "\n")
            self._file.flush()
        except OSError as error:
            raise StorageError(
                f"cannot write {self._path}: {error.strerror}; free some space. The best network so far is in "
                f"{self._path.parent}"
            ) from error


@contextmanager
def _stop_on_ctrl_c(console: Console) -> Iterator:
    """Yields a function that tells whether Ctrl-C (or SIGTERM) came. A second one interrupts at once."""
    asked: list[int] = []

    def note(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        console.print("ending: one last evaluation, then the export (again Ctrl-C: end at once, without) ...")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _share_the_cores() -> None:
    """Operations this small gain nothing from being split over cores (the update: 18.7 ms, 21.3 ms on one core), but an
    update has branches that run side by side (15.2 ms). All on a 2-core AMD EPYC without AVX-512."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    cv2.setNumThreads(1)


def _command(hyperparameters: Hyperparameters, minutes: float | None, frames: int | None) -> str:
    """What to type for such a run: the budget, and all that is not the default."""
    words = ["python", "manage.py", "train"]
    words += ["--minutes", f"{minutes:g}"] if minutes else []
    words += ["--steps", str(frames)] if frames else []
    defaults = Hyperparameters()
    for name, value in hyperparameters:
        if value != getattr(defaults, name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _commit() -> str:
    """Of the code at hand, with -dirty where it was changed; `unknown` outside git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607, whichever git is there
            cwd=PROJECT, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return described.stdout.strip()


def _clock(seconds: float | None) -> str:
    return "--:--" if seconds is None else f"{int(seconds) // 60:2d}:{int(seconds) % 60:02d}"


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def default_name() -> str:
    """For a run that was given none: when it began."""
    return time.strftime("%Y-%m-%d-%H%M%S")
