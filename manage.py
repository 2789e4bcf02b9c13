#!/usr/bin/env python3
"""The commands. Each parses its arguments and calls one function of one package; nothing heavy is imported before."""

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
_VENV = PROJECT / ".venv"
if (_VENV / "bin" / "python").exists() and Path(sys.prefix).resolve() != _VENV.resolve():
    # So that `python manage.py ...` works right after `make`, whichever Python it is typed with.
    os.execv(_VENV / "bin" / "python", [str(_VENV / "bin" / "python"), *sys.argv])

import importlib.util
import inspect
import json
from collections.abc import Callable
from typing import Annotated, Any

try:
    import typer
except ModuleNotFoundError:
    sys.exit("manage.py: the environment is not installed; type `make install`")

from errors import UserError

app = typer.Typer(
    help="Self-Aware Driving Patate: learn to drive a Donkey car in simulation, and drive it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CarOption = Annotated[
    Path, typer.Option("--car", help="The car's own folder: settings.toml, models.", metavar="FOLDER")
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model", help="A model folder or a training run. Default: the car's current one, else the shipped one."
    ),
]


@app.command()
def drive(
    model: ModelOption = None,
    laps: Annotated[int | None, typer.Option(min=1, help="Stop after so many laps. Default: Ctrl-C.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Names the simulated track, room and car.")] = 1,
    realtime: Annotated[bool, typer.Option(help="At 20 frames a second, or as fast as it goes.")] = True,
    picture: Annotated[Path | None, typer.Option(metavar="PNG", help="Leave a picture of the drive there.")] = None,
    car: CarOption = PROJECT / "mycar",
) -> None:
    """Drive: the policy at the wheel of the simulated car, shown live."""
    from car.drive import choose_model, drive_simulated  # noqa: PLC0415
    from settings import load_settings  # noqa: PLC0415

    drive_simulated(
        choose_model(car, model), load_settings(car), seed=seed, laps=laps, realtime=realtime, picture=picture
    )


@app.command()
def evaluate(
    model: ModelOption = None,
    tracks: Annotated[int, typer.Option(min=1, help="Tracks never trained on, one car on each.")] = 50,
    laps: Annotated[int, typer.Option(min=1, help="To be driven on each without leaving the road.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Names the set of tracks.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with each track, instead of the table.")] = False,
    car: CarOption = PROJECT / "mycar",
) -> None:
    """Measure a policy: closed loop on unseen tracks, int8 and float on the same ones, beside a driver that sees it."""
    from car.drive import choose_model  # noqa: PLC0415
    from trainer.report import evaluate_model, table  # noqa: PLC0415

    result = evaluate_model(choose_model(car, model), tracks, laps, seed, progress=not as_json)
    if as_json:
        print(json.dumps(result.as_json()))
    else:
        table(result)


bench = typer.Typer(
    help="Measure how fast this machine is, with the peers beside in the same run.", no_args_is_help=True
)
app.add_typer(bench, name="bench")

RoundsOption = Annotated[int, typer.Option(min=1, help="Rounds of each contestant, taken in turn; medians are shown.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")]


@bench.command("sim")
def bench_sim_command(
    rounds: RoundsOption = 5,
    steps: Annotated[int, typer.Option(min=10, help="Frames an episode; each ends with a new world.")] = 600,
    as_json: JsonOption = False,
) -> None:
    """Frames a second of the simulator on one core, beside Gymnasium's CarRacing-v3."""
    from sim_bridge.bench import bench_sim, print_table  # noqa: PLC0415
    from sim_bridge.rounds import report  # noqa: PLC0415

    report(lambda tick: bench_sim(rounds, steps, tick), print_table, as_json=as_json)


@bench.command("learner")
def bench_learner_command(
    rounds: RoundsOption = 7,
    updates: Annotated[int, typer.Option(min=2, help="Updates in a round.")] = 100,
    frames: Annotated[int, typer.Option(min=32, help="Frames of the whole loop in a round.")] = 1600,
    as_json: JsonOption = False,
) -> None:
    """Milliseconds an update, and frames a second of a whole training loop, beside Stable-Baselines3's DQN."""
    _require_tensorflow()
    from trainer.bench import bench_learner, print_table  # noqa: PLC0415

    from sim_bridge.rounds import report  # noqa: PLC0415

    report(lambda tick: bench_learner(rounds, updates, frames, tick), print_table, as_json=as_json)


def _require_tensorflow() -> None:
    if importlib.util.find_spec("tensorflow") is None:
        raise UserError("training needs TensorFlow, which is not installed; type `make install-trainer`")


def _options_of(model: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator: the command gets an option for each field of a pydantic model, and receives them as **fields."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
        fields = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=Annotated[
                    field.annotation, typer.Option(help=field.description, rich_help_panel="Hyper-parameters")
                ],
            )
            for name, field in model.model_fields.items()
        ]
        command.__signature__ = inspect.Signature(own + fields)  # type: ignore[attr-defined]
        return command

    return decorate


def _add_train() -> None:
    from trainer.hyperparameters import Hyperparameters  # noqa: PLC0415

    @app.command()
    @_options_of(Hyperparameters)
    def train(
        minutes: Annotated[float | None, typer.Option(min=0.1, help="Train for so long. Default: 10.")] = None,
        steps: Annotated[int | None, typer.Option(min=1000, help="Or for so many frames of all cars together.")] = None,
        name: Annotated[str | None, typer.Option(help="The run's folder in runs/. Default: date and time.")] = None,
        runs: Annotated[Path, typer.Option(help="Where runs are kept.")] = PROJECT / "runs",
        **hyperparameters: Any,
    ) -> None:
        """Train: DDQN from nothing in the embedded simulator; ends with an int8 model in runs/NAME."""
        from pydantic import ValidationError  # noqa: PLC0415
        from rich.console import Console  # noqa: PLC0415

        from settings import explain  # noqa: PLC0415

        try:
            chosen = Hyperparameters(**hyperparameters)
        except ValidationError as error:
            raise UserError(f"--{explain(error, Hyperparameters).replace('_', '-')}") from error
        _require_tensorflow()
        from trainer.run import default_name, run  # noqa: PLC0415

        console = Console()
        folder = run(runs / (name or default_name()), chosen, minutes or (None if steps else 10), steps, console)
        console.print(f"the model is in {folder}; try  python manage.py drive --model {folder.parent}", soft_wrap=True)


_add_train()


def main() -> None:
    """Run a command; what a person can mend is one line and exit code 1."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
