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
from typing import Annotated, Any, Literal

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
sim = typer.Typer(help="The embedded simulator.", no_args_is_help=True)
app.add_typer(sim, name="sim")

CarOption = Annotated[
    Path, typer.Option("--car", help="The car's own folder: settings.toml, models.", metavar="FOLDER")
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model", help="A model folder or a training run. Default: the car's current one, else the shipped one."
    ),
]


CrossingsOption = Annotated[
    bool, typer.Option("--crossings", help="A --track that crosses itself is a road that does; else it is an error.")
]


@app.command()
def drive(
    model: ModelOption = None,
    laps: Annotated[int | None, typer.Option(min=1, help="Stop after so many laps. Default: Ctrl-C.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Names the simulated track, room and car.")] = 1,
    realtime: Annotated[bool, typer.Option(help="At 20 frames a second, or as fast as it goes.")] = True,
    picture: Annotated[Path | None, typer.Option(metavar="PNG", help="Leave a picture of the drive there.")] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            metavar="pi|usb[:N]|sim|tub:PATH",
            help="The Pi's, a USB camera, the simulated car's, or a recording: nothing moves then. Default: pi on a "
            "Raspberry Pi, sim elsewhere.",
        ),
    ] = None,
    track: Annotated[
        Path | None, typer.Option(metavar="CSV", help="The simulated track: a file of its centre line, x,y in metres.")
    ] = None,
    crossings: CrossingsOption = False,
    drivetrain: Annotated[
        Literal["sim", "simchip", "pca9685"] | None,
        typer.Option(
            help="The simulated car's; a simulated servo board, behind the guardian; or the real one, likewise. "
            "Default: pca9685 with a real camera on a Raspberry Pi, else sim."
        ),
    ] = None,
    simulated: Annotated[bool, typer.Option("--sim", help="Simulate camera and servos, on a Pi too.")] = False,
    armed: Annotated[
        bool, typer.Option("--armed", help="Arm at the start, with nobody asked: the motor may turn. Wheels up!")
    ] = False,
    page: Annotated[bool, typer.Option(help="The driver's page, in a browser; never without --realtime.")] = True,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Of the page. Default: 8887, or as in settings.toml.")
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Record from the start, into the car's drives/.")] = False,
    constant_throttle: Annotated[
        float | None, typer.Option(min=0, max=1, help="The policy steers; the throttle stays at this, or at the cap.")
    ] = None,
    car: CarOption = PROJECT / "mycar",
) -> None:
    """Drive: the policy at the wheel of the real car on a Raspberry Pi, of the simulated one elsewhere; live."""
    from car.drive import Wires, choose_model, drive_footage, drive_real, drive_simulated  # noqa: PLC0415
    from car.hardware import choose_camera, choose_drivetrain, hardware  # noqa: PLC0415
    from car.people import PeopleOptions  # noqa: PLC0415
    from settings import load_settings  # noqa: PLC0415

    _crossings_need_a_track(crossings, track)
    settings = load_settings(car)
    kind = hardware(settings)
    chosen = choose_camera(camera, kind, sim=simulated)
    chip = choose_drivetrain(drivetrain, chosen, kind, sim=simulated)
    if chosen.kind != "sim" and (laps is not None or picture is not None or track is not None):
        raise UserError("--laps, --picture and --track need the simulated car; leave them out, or type --sim")
    if chosen.kind == "tub" and record:
        raise UserError("--record of a recording would be a copy; leave it out, or --camera")
    if armed and chip == "sim":
        raise UserError("--armed is for a drivetrain behind the guardian; add --drivetrain simchip or pca9685")
    wires = None if chip == "sim" else Wires(chip, armed)
    options = PeopleOptions(page, port, record, constant_throttle)
    if chosen.kind == "tub":
        drive_footage(
            choose_model(car, model, real=True), settings, car, options, chosen.tub, realtime=realtime, wires=wires
        )
    elif chosen.kind == "sim":
        drive_simulated(
            choose_model(car, model),
            settings,
            car,
            options,
            seed=seed,
            laps=laps,
            realtime=realtime,
            picture=picture,
            track=track,
            crossings=crossings,
            wires=wires,
        )
    else:
        drive_real(choose_model(car, model, real=True), settings, car, options, chosen, wires=wires)


@app.command()
def evaluate(
    model: ModelOption = None,
    drives: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where a film and a summary go. Default: the car's drives/."),
    ] = None,
    tracks: Annotated[
        int | None,
        typer.Option(min=1, help="Tracks never trained on, one car on each [50]; with --track, cars on each [5]."),
    ] = None,
    track: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="CSV", help="On this centre line (x,y in metres), or all in a folder of them. May be repeated."
        ),
    ] = None,
    crossings: CrossingsOption = False,
    laps: Annotated[int, typer.Option(min=1, help="To be driven on each without leaving the road.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Names the set of tracks.")] = 0,
    tub: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="Instead: on a recording, or a folder of them, beside its human. May be repeated."
        ),
    ] = None,
    table: Annotated[str, typer.Option(help="Worlds to drive in: evaluation, training, wide or real.")] = "evaluation",
    constant_throttle: Annotated[
        float | None, typer.Option(min=0, max=1, help="The policy steers; the throttle stays at this.")
    ] = None,
    still: Annotated[
        bool, typer.Option("--still", help="With --tub: nothing moves in what it is shown, each frame fills the stack.")
    ] = False,
    reports: Annotated[Path, typer.Option(metavar="FOLDER", help="Where a picture of each recording goes.")] = PROJECT
    / "reports",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with each track or clip, instead of the table.")
    ] = False,
    car: CarOption = PROJECT / "mycar",
) -> None:
    """Measure a policy: closed loop on unseen tracks, int8 and float on the same ones, beside a driver that sees it.
    With --tub, open loop on recordings: does it steer as the human did?"""
    from car.drive import choose_model  # noqa: PLC0415

    _crossings_need_a_track(crossings, track)
    if tub and track:
        raise UserError("--track drives and --tub looks on; give one of them")
    if constant_throttle is not None and tub:
        raise UserError("--constant-throttle drives, and --tub looks on; give one of them")
    if still and not tub:
        raise UserError("--still is for recordings; name one with --tub PATH, or leave it out")
    chosen = choose_model(car, model, real=bool(tub))
    if tub:
        from trainer import footage  # noqa: PLC0415

        on_footage = footage.evaluate_footage(chosen, tub, reports, still=still, progress=not as_json)
        if as_json:
            print(json.dumps(on_footage.as_json()))
        else:
            footage.table(on_footage, reports)
        return
    from sim_bridge.track_file import read_centre_lines  # noqa: PLC0415
    from trainer.report import evaluate_model, leave_evaluation, print_table  # noqa: PLC0415

    lines = read_centre_lines(track or [], crossings=crossings)
    result = evaluate_model(
        chosen, tracks, laps, seed, table=table, centre_lines=lines, constant_throttle=constant_throttle,
        progress=not as_json,
    )  # fmt: skip
    left = leave_evaluation(chosen, result, drives or car / "drives")
    if as_json:
        print(json.dumps(result.as_json()))
    else:
        print_table(result)
        print(f"a film and a summary of it are in {left}")


@app.command()
def doctor(
    camera: Annotated[
        str | None, typer.Option(metavar="pi|usb[:N]|sim", help="Which camera to look at. Default: as drive's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the lines.")] = False,
    car: CarOption = PROJECT / "mycar",
) -> None:
    """Is everything there that a drive needs? A line for each thing, and what to do. Exits with 1 where one fails."""
    from car.doctor import report  # noqa: PLC0415

    lines = report.examine(car, camera)
    if as_json:
        print(json.dumps(report.as_json(lines)))
    else:
        from rich.console import Console  # noqa: PLC0415

        report.print_lines(lines, Console())
    if report.worst(lines) == "fail":
        raise typer.Exit(1)


def _crossings_need_a_track(crossings: bool, track: object) -> None:
    if crossings and not track:
        raise UserError("--crossings is about a --track; name one, or leave it out")


@sim.command("look")
def sim_look(
    table: Annotated[str, typer.Option(help="Which distributions: training, evaluation, wide or real.")] = "training",
    seed: Annotated[int, typer.Option(min=0, help="Names the 24 scenes.")] = 1,
    tub: Annotated[Path | None, typer.Option(metavar="PATH", help="A recording to set beside them.")] = None,
    out: Annotated[Path, typer.Option(metavar="PNG", help="Where the picture goes.")] = PROJECT / "reports/look.png",
) -> None:
    """A contact sheet: what the camera sees in 24 scenes, and what the policy sees of it; beside it a recording's."""
    from models.contract import Contract  # noqa: PLC0415
    from sim_bridge.look import look  # noqa: PLC0415

    look(Contract().observation, table, seed, tub, out)
    print(out)


calibrate = typer.Typer(help="Measure the car once: its servo, its motor controller.", no_args_is_help=True)
app.add_typer(calibrate, name="calibrate")

WiresOption = Annotated[
    Literal["simchip", "pca9685"], typer.Option("--drivetrain", help="The servo board, or a simulated one.")
]


@calibrate.command("steering")
def calibrate_steering_command(drivetrain: WiresOption = "pca9685", car: CarOption = PROJECT / "mycar") -> None:
    """Find the servo's left, centre and right, in small steps, in the terminal."""
    from car.calibrating import calibrate  # noqa: PLC0415

    print(f"saved in {calibrate('steering', drivetrain, car)}")


@calibrate.command("throttle")
def calibrate_throttle_command(drivetrain: WiresOption = "pca9685", car: CarOption = PROJECT / "mycar") -> None:
    """Find the motor controller's neutral, forward and reverse, in bursts of half a second, in the terminal."""
    from car.calibrating import calibrate  # noqa: PLC0415

    print(f"saved in {calibrate('throttle', drivetrain, car)}")


@calibrate.command("import")
def calibrate_import(
    myconfig: Annotated[Path, typer.Argument(help="donkeycar's, like ~/mycar/myconfig.py. It is read, never run.")],
    car: CarOption = PROJECT / "mycar",
) -> None:
    """Take over a donkeycar car's steering and throttle: ticks become microseconds."""
    from calibration.car_file import save_calibration  # noqa: PLC0415
    from calibration.donkeycar import read_donkeycar  # noqa: PLC0415

    imported = read_donkeycar(myconfig.expanduser())
    path = save_calibration(car, imported.calibration)
    print(*imported.notes, f"saved in {path}", sep="\n")


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
    table: Annotated[str, typer.Option(help="Worlds: training, evaluation, wide or real.")] = "training",
    as_json: JsonOption = False,
) -> None:
    """Frames a second of the simulator on one core, beside Gymnasium's CarRacing-v3."""
    from sim_bridge.bench import bench_sim, print_table  # noqa: PLC0415
    from sim_bridge.rounds import report  # noqa: PLC0415

    report(lambda tick: bench_sim(rounds, steps, table, tick), print_table, as_json=as_json)


@bench.command("learner")
def bench_learner_command(
    rounds: RoundsOption = 7,
    updates: Annotated[int, typer.Option(min=2, help="Updates in a round.")] = 100,
    frames: Annotated[int, typer.Option(min=32, help="Frames of the whole loop in a round.")] = 1600,
    as_json: JsonOption = False,
) -> None:
    """Milliseconds an update, and frames a second of a whole training loop, beside Stable-Baselines3's DQN."""
    _needs("tensorflow")
    from sim_bridge.rounds import report  # noqa: PLC0415
    from trainer.bench import bench_learner, print_table  # noqa: PLC0415

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
    as_json: JsonOption = False,
) -> None:
    """Milliseconds from a frame to the pulse in the simulated chip, stage by stage, beside donkeycar's own parts."""
    from car.bench_loop import bench_loop, print_table  # noqa: PLC0415
    from sim_bridge.rounds import machine, report  # noqa: PLC0415

    linear, where = linear or _donkey_linear(), str(machine(os.sched_getaffinity(0)))
    report(lambda tick: bench_loop(frames, tub, linear, where, tick), print_table, as_json=as_json)


def _donkey_linear() -> Path | None:
    """The linear model of donkeycar's, made once where TensorFlow is installed; None where it is not."""
    file = PROJECT / ".peers" / "donkey_linear.tflite"
    if not file.exists() and importlib.util.find_spec("tensorflow") is not None:
        import subprocess  # noqa: PLC0415

        make = [sys.executable, "-m", "trainer.donkey_linear", str(file)]
        made = subprocess.run(make, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603, our own
        if made.returncode:
            raise UserError(f"donkeycar's linear model could not be made: {made.stderr.strip().splitlines()[-1]}")
    return file if file.exists() else None


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
        context: typer.Context,
        compared: Annotated[
            list[str] | None, typer.Argument(metavar="[RUN]...", help="What --compare compares.")
        ] = None,
        minutes: Annotated[float | None, typer.Option(min=0.1, help="Train for so long. Default: 10.")] = None,
        steps: Annotated[int | None, typer.Option(min=1000, help="Or for so many frames of all cars together.")] = None,
        name: Annotated[str | None, typer.Option(help="The run's folder in runs/. Default: date and time.")] = None,
        runs: Annotated[Path, typer.Option(help="Where runs are kept.")] = PROJECT / "runs",
        preset: Annotated[
            str | None, typer.Option(help="Start from these hyper-parameters: a name or a TOML file.", metavar="PRESET")
        ] = None,
        resume: Annotated[
            str | None, typer.Option(help="Go on with this run for --minutes or --steps more.", metavar="RUN")
        ] = None,
        compare: Annotated[bool, typer.Option("--compare", help="Train nothing: compare these runs.")] = False,
        **hyperparameters: Any,
    ) -> None:
        """Train: DDQN from nothing in the embedded simulator; ends with an int8 model in runs/NAME."""
        sources = {option: context.get_parameter_source(option) for option in context.params}
        typed = {option for option, source in sources.items() if source and source.name == "COMMANDLINE"}
        if compare:
            _compare_runs(runs, compared or [], typed - {"compare", "compared", "runs"})
            return
        if compared:
            raise UserError(f"train takes no {compared[0]!r}; to compare runs, type --compare")
        if resume is not None and (other := typed - {"resume", "minutes", "steps", "runs"}):
            raise UserError(f"a run is resumed with its own settings; leave out {_options(other)}")
        chosen = _hyperparameters(preset, {name: hyperparameters[name] for name in hyperparameters if name in typed})
        _needs("tensorflow", "tensorboard", "matplotlib", "PIL")
        from rich.console import Console  # noqa: PLC0415

        from trainer import run as training  # noqa: PLC0415

        console = Console()
        budget = training.Budget(minutes or (None if steps else 10), steps)
        if resume is not None:
            model = training.resume(runs / resume, budget, console)
        else:
            model = training.run(runs / (name or training.default_name()), chosen, preset, budget, console)
        console.print(f"the model is in {model}; try  python manage.py drive --model {model.parent}", soft_wrap=True)

    def _hyperparameters(preset: str | None, typed: dict[str, Any]) -> Hyperparameters:
        """The defaults, but for what the preset says, but for what was typed."""
        from pydantic import ValidationError  # noqa: PLC0415

        from settings import explain  # noqa: PLC0415
        from trainer.presets import load_preset  # noqa: PLC0415

        differences = load_preset(preset) if preset is not None else {}
        try:
            return Hyperparameters(**(differences | typed))
        except ValidationError as error:
            raise UserError(f"--{explain(error, Hyperparameters).replace('_', '-')}") from error


def _compare_runs(runs: Path, names: list[str], other: set[str]) -> None:
    if other:
        raise UserError(f"--compare trains nothing; leave out {_options(other)}")
    if len(names) < 2:
        raise UserError("--compare takes two runs or more: train --compare RUN RUN")
    _needs("matplotlib")
    from rich.console import Console  # noqa: PLC0415

    from trainer.compare import compare  # noqa: PLC0415

    console = Console()
    console.print(f"the curves are in {compare(runs, names, console)}", soft_wrap=True)


def _options(names: set[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in sorted(names))


def _needs(*packages: str) -> None:
    """Raises UserError where one of these packages of the trainer's is not installed."""
    if any(importlib.util.find_spec(package) is None for package in packages):
        raise UserError(
            "training needs TensorFlow, TensorBoard and Matplotlib, which are not all installed; "
            "type `make install-trainer`"
        )


_add_train()


def main() -> None:
    """Run a command; what a person can mend is one line and exit code 1."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
