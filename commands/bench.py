"""`manage.py bench`."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.options import JsonOption, needs
from errors import UserError
from settings import PROJECT

bench = typer.Typer(
    help="Measure how fast this machine is, with the peers beside in the same run.", no_args_is_help=True
)

RoundsOption = Annotated[int, typer.Option(min=1, help="Rounds of each contestant, taken in turn; medians are shown.")]


@bench.command("sim")
def bench_sim_command(
    rounds: RoundsOption = 5,
    steps: Annotated[int, typer.Option(min=10, help="Frames an episode; each ends with a new world.")] = 600,
    table: Annotated[str, typer.Option(help="Worlds: training, evaluation, wide or real.")] = "training",
    as_json: JsonOption = False,
) -> None:
    """Frames a second of the simulator on one core, beside Gymnasium's CarRacing-v3."""
    from sim_bridge.bench import bench_sim, print_table
    from sim_bridge.rounds import report

    report(lambda tick: bench_sim(rounds, steps, table, tick), print_table, as_json=as_json)


@bench.command("learner")
def bench_learner_command(
    rounds: RoundsOption = 7,
    updates: Annotated[int, typer.Option(min=2, help="Updates in a round.")] = 100,
    frames: Annotated[int, typer.Option(min=32, help="Frames of the whole loop in a round.")] = 1600,
    as_json: JsonOption = False,
) -> None:
    """Milliseconds an update, and frames a second of a whole training loop, beside Stable-Baselines3's DQN."""
    needs("tensorflow")
    from sim_bridge.rounds import report
    from trainer.bench import bench_learner, print_table

    report(lambda tick: bench_learner(rounds, updates, frames, tick), print_table, as_json=as_json)


@bench.command("loop")
def bench_loop_command(
    frames: Annotated[int, typer.Option(min=200, help="Camera frames, at 40 a second.")] = 2000,
    tub: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A recording's frames. Default: the simulated car's.")
    ] = None,
    linear: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .tflite of donkeycar's linear model. Default: made here.")
    ] = None,
    viewers: Annotated[
        int | None, typer.Option(min=0, max=12, help="Measure it once more, with so many who watch the driver's page.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Milliseconds from a frame to the pulse in the simulated chip, stage by stage, beside donkeycar's own parts."""
    from car.bench_loop import bench_loop, print_table
    from sim_bridge.rounds import machine, report

    linear, where = linear or _donkey_linear(), str(machine(os.sched_getaffinity(0)))
    report(lambda tick: bench_loop(frames, tub, linear, where, tick, viewers), print_table, as_json=as_json)


@bench.command("swap")
def bench_swap_command(
    runs: Annotated[int, typer.Option(min=1, help="Of each kind, taken in turn; medians are shown.")] = 5,
    frames: Annotated[int, typer.Option(min=200, help="Camera frames of a run, at 40 a second.")] = 1200,
    as_json: JsonOption = False,
) -> None:
    """The loop while new models are downloaded, tested and take over, beside the same loop left alone."""
    from car.bench_swap import bench_swap, print_table
    from sim_bridge.rounds import machine, report

    where = str(machine(os.sched_getaffinity(0)))
    report(lambda tick: bench_swap(runs, frames, where, tick), print_table, as_json=as_json)


def _donkey_linear() -> Path | None:
    """The linear model of donkeycar's, made once where TensorFlow is installed; None where it is not."""
    file = PROJECT / ".peers" / "donkey_linear.tflite"
    if not file.exists() and importlib.util.find_spec("tensorflow") is not None:
        make = [sys.executable, "-m", "trainer.donkey_linear", str(file)]
        made = subprocess.run(make, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603, our own
        if made.returncode:
            raise UserError(f"donkeycar's linear model could not be made: {made.stderr.strip().splitlines()[-1]}")
    return file if file.exists() else None
