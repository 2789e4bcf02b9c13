"""`manage.py train`: one run in one folder, from the first random action to a model that `drive` can take.

runs/NAME/
    settings.json     hyper-parameters, contract, preset, command, commit
    metrics.jsonl     a line a second, and one for each evaluation
    tensorboard/      the same as curves, with a film at each evaluation
    weights.npz       of the best network so far
    checkpoint.npz    where the training stands: what `--resume` goes on from
    saved/            weights every so many episodes, with --save-every
    model/            the model folder, when the run has ended
    report.png        its curves and its last drives
"""

import re
import shlex
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console

import trainer.quiet_tensorflow  # noqa: F401, before all that imports TensorFlow
from calibration.car_file import read_calibration
from calibration.known import known
from errors import UserError
from settings import load_settings as load_car_settings
from sim_bridge.address import EMBEDDED
from storage.files import write_file
from storage.lock import locked
from trainer import ddqn, offline, rolled_out
from trainer.checkpoint import load_best, load_checkpoint, save_best, save_checkpoint
from trainer.evaluation import Summary
from trainer.export import advantage_network, convert
from trainer.figures import report as draw_report
from trainer.hyperparameters import Hyperparameters
from trainer.int8 import int8_network, shift_bias
from trainer.learner import Learner
from trainer.metrics import METRICS, Metrics, forget_after, read_metrics
from trainer.package import mean_error, package, without_tensorflow
from trainer.places import OpenPlaces, Places
from trainer.practice import Practice
from trainer.progress import Progress
from trainer.recordings import Recordings
from trainer.replay import Replay
from trainer.run_settings import Budget, RunSettings, command_of, commit_of_code, contract_for, load_settings
from trainer.sitting import Sitting
from trainer.tensorboard import TensorBoard

CALIBRATION_FRAMES = 2000
REPORT = "report.png"


def run(
    folder: Path,
    hyperparameters: Hyperparameters,
    preset: str | None,
    budget: Budget,
    places: Places,
    car: Path,
    console: Console,
    calibration: Path | None = None,
) -> Path:
    """Train, keep the best, export it. Returns the model folder. Ctrl-C ends the training early, and exports too.

    preset: the name of the one that is in the hyper-parameters. car: whose settings.toml says how places are reached.
    calibration: of the car that the policy is for, its folder or its car.toml.
    Raises UserError: that cannot be used, the folder is taken, has a name that no model may have or cannot be written,
    the disk is full, a place cannot be used.
    """
    places.check(hyperparameters)
    if folder.exists():
        raise UserError(f"{folder} exists already; give this run another --name, or go on with it: --resume")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", folder.name):
        raise UserError(f"--name {folder.name!r} is no name for a model; take up to 64 letters, digits, dots, _ and -")
    measured = known(read_calibration(calibration)) if calibration else None
    settings = RunSettings(
        command=command_of(hyperparameters, preset, budget, places, calibration),
        commit=commit_of_code(),
        preset=preset,
        hyperparameters=hyperparameters,
        contract=contract_for(hyperparameters, measured),
        places=places,
        calibration=measured,
    )
    opened = OpenPlaces(places, folder, car, load_car_settings(car))
    settings.save(folder)
    with _alone_in(folder):
        return _train_and_export(folder, settings, budget, None, opened, console)


def resume(folder: Path, budget: Budget, car: Path, console: Console) -> Path:
    """Go on with a run for a further budget, with its own hyper-parameters and places, then export its best. Else as
    `run`.

    Epsilon stays at its end, the memory fills anew and the learning rate falls anew. Raises UserError: there is no such
    run, it has no checkpoint that can be used, it is being trained.
    """
    settings = load_settings(folder)
    if settings.contract != contract_for(settings.hyperparameters, settings.calibration):
        raise UserError(f"{folder} was trained for another contract than this program's; train anew")
    with _alone_in(folder):
        state, progress = load_checkpoint(folder)
        opened = OpenPlaces(settings.places, folder, car, load_car_settings(car))
        forget_after(folder, progress.elapsed_s)
        again = shlex.join(["python", "manage.py", "train", "--resume", folder.name, *budget.options])
        settings = settings.model_copy(update={"command": f"{settings.command} && {again}", "commit": commit_of_code()})
        settings.save(folder)
        return _train_and_export(folder, settings, budget, (state, progress), opened, console)


def _train_and_export(
    folder: Path,
    settings: RunSettings,
    budget: Budget,
    checkpoint: tuple[dict[str, Any], Progress] | None,
    places: OpenPlaces,
    console: Console,
) -> Path:
    cv2.setNumThreads(1)  # the simulator's pictures are small: splitting them over cores costs more than it gains
    in_simulator = {"bootstrapped": ddqn.train, "rolled_out": rolled_out.train}[settings.hyperparameters.values]
    trains = offline.train if places.library else in_simulator
    evaluations: list[Summary] = []  # of this sitting

    def go_on(learner: Learner) -> Progress:
        if checkpoint is None:
            return Progress(drives=places.start(learner))
        state, progress = checkpoint
        progress.best = load_best(folder, learner.online)
        try:
            learner.restore(state)
        except (KeyError, ValueError) as error:
            raise UserError(f"the checkpoint in {folder} is of another network; train anew") from error
        return progress

    recorder = places.recorder(settings.contract, settings.hyperparameters)
    with (
        _nothing_left(folder),
        places.sending(console),
        Metrics(folder, console) as metrics,
        TensorBoard(folder) as tensorboard,
        _stop_on_ctrl_c(console) as stop,
    ):

        def report(progress: Progress) -> None:
            metrics(progress)
            tensorboard(progress)

        def evaluated(learner: Learner, progress: Progress) -> None:
            # The best first: a run that is killed between the two goes on from before, and knows how good its best is.
            if progress.best is progress.evaluation:
                save_best(folder, learner.online, progress.best)
            save_checkpoint(folder, learner, progress)
            tensorboard.film(learner, progress)
            evaluations.append(progress.evaluation)

        sitting = Sitting(
            settings.contract, settings.hyperparameters, budget.seconds, budget.frames, report, evaluated, stop,
            resume=go_on, told=places.save, recordings=places.library, recorder=recorder,
            measured=settings.calibration or {},
        )  # fmt: skip
        try:
            learner, replay = trains(sitting)
        finally:
            recorder.close()
    if not evaluations and checkpoint:
        raise UserError(f"ended before anything more was learnt; {folder} keeps what it had, let it run for longer")
    if not evaluations:
        shutil.rmtree(folder)
        raise UserError("ended before anything was learnt, so nothing is kept; let it run for a minute at least")
    _export(folder, settings, learner, replay, _trained_on(settings, places), console)
    write_file(folder / REPORT, draw_report(folder.name, read_metrics(folder), evaluations[-1].results))
    console.print(f"how it went is drawn in {folder / REPORT}", soft_wrap=True)
    return folder / "model"


def _trained_on(settings: RunSettings, places: OpenPlaces) -> str:
    """In words."""
    if places.library:
        worlds = f"{len(places.library.entries)} SimCache files in {places.library.where}"
    elif settings.hyperparameters.sim == EMBEDDED:
        worlds = f"the embedded simulator, table `{settings.hyperparameters.table}` of sim_bridge/distributions.py"
    else:
        worlds = f"the simulator at {settings.hyperparameters.sim}"
    start = f"; from the weights of {settings.places.load}" if settings.places.load else ""
    return worlds + start + (f"; preset {settings.preset}" if settings.preset else "")


def _export(
    folder: Path,
    settings: RunSettings,
    learner: Learner,
    replay: Replay | Practice | Recordings,
    trained_on: str,
    console: Console,
) -> None:
    """The best network so far as a model folder, quantised with frames from the replay."""
    console.print("exporting the best network to int8 ...")
    best = load_best(folder, learner.online)
    frames = replay.frames_for_calibration(CALIBRATION_FRAMES)
    calibrating, comparing = frames[::2], frames[1::2]
    network = advantage_network(learner.online, settings.contract)
    float32 = convert(network)
    companded = settings.contract.actions.decoding == "argmax"
    network = int8_network(network, calibrating, companded=companded)
    least = 0.0 if companded else -np.inf
    quantised = convert(network, calibrating)
    shift_bias(network, without_tensorflow(mean_error, quantised, convert(network), calibrating, least))
    now = datetime.now(UTC)
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
            "contract": settings.contract,
            "contract_digest": settings.contract.digest,
            "trained_on": trained_on,
            "command": settings.command,
            "hyperparameters": settings.hyperparameters.model_dump(),
            "calibration": settings.calibration,
            "commit": settings.commit,
            "evaluation": {
                "validation_tracks": best.tracks,
                "validation_finished": best.finished,
                "validation_mean_offset_m": round(best.mean_offset_m, 4),
            },
        },
    )
    console.print(f"int8 against float: {alike}", soft_wrap=True)


@contextmanager
def _nothing_left(folder: Path) -> Iterator[None]:
    """Of a run that could not begin: there was no simulator, nothing to learn from, or no such weights to begin with.
    A name that has learnt nothing is free again."""
    try:
        yield
    except UserError:
        if not ((folder / METRICS).exists() and read_metrics(folder)):
            shutil.rmtree(folder)
        raise


def _alone_in(folder: Path) -> AbstractContextManager[None]:
    """Two processes must not train in one folder. Raises UserError."""
    return locked(folder, UserError(f"{folder} is being trained at this moment; end that first, or wait for it"))


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


def default_name() -> str:
    """For a run that was given none: when it began."""
    return time.strftime("%Y-%m-%d-%H%M%S")
