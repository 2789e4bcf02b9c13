"""`manage.py train`."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.options import DEFAULT_CAR, CarOption, needs
from errors import UserError
from settings import PROJECT, explain, load_settings
from trainer.hyperparameters import Hyperparameters

app = typer.Typer()


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


@app.command()
@_options_of(Hyperparameters)
def train(
    context: typer.Context,
    compared: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="What --compare compares.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Train for so long. Default: 10.")] = None,
    steps: Annotated[int | None, typer.Option(min=1000, help="Or for so many frames of all cars together.")] = None,
    name: Annotated[str | None, typer.Option(help="The run's folder in runs/. Default: date and time.")] = None,
    runs: Annotated[Path, typer.Option(help="Where runs are kept.")] = PROJECT / "runs",
    preset: Annotated[
        str | None, typer.Option(help="Start from these hyper-parameters: a name or a TOML file.", metavar="PRESET")
    ] = None,
    simcache: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE", help="Learn from these recordings alone: a SimCache file, a folder, or s3://BUCKET/PREFIX."
        ),
    ] = None,
    simcache_out: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Record all that the cars live through, as SimCache files.")
    ] = None,
    load: Annotated[
        str | None, typer.Option(metavar="NAME", help="Begin with the weights of this run, or of a saved file.")
    ] = None,
    save_every: Annotated[int, typer.Option(min=0, help="Save the weights every so many episodes; 0: never.")] = 0,
    save_to: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Where, a folder or S3. Default: saved/ in the run's folder.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="Go on with this run for --minutes or --steps more.", metavar="RUN")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="For one car: its folder, or its car.toml, as calibrate has written it."),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Train nothing: compare these runs.")] = False,
    push: Annotated[
        str | None, typer.Option(help="Then sign the model, push it, and let this channel name it.", metavar="CHANNEL")
    ] = None,
    car: CarOption = DEFAULT_CAR,
    **hyperparameters: Any,
) -> None:
    """Train: DDQN from nothing, in the embedded simulator, by wire or from recordings; leaves a model in runs/NAME."""
    sources = {option: context.get_parameter_source(option) for option in context.params}
    typed = {option for option, source in sources.items() if source and source.name == "COMMANDLINE"}
    if compare:
        _compare_runs(runs, compared or [], typed - {"compare", "compared", "runs"})
        return
    if compared:
        raise UserError(f"train takes no {compared[0]!r}; to compare runs, type --compare")
    if resume is not None and (other := typed - {"resume", "minutes", "steps", "runs", "push", "car"}):
        raise UserError(f"a run is resumed with its own settings; leave out {_options(other)}")
    chosen = _hyperparameters(
        preset, {name: hyperparameters[name] for name in hyperparameters if name in typed}, simcache is not None
    )
    needs("tensorflow", "tensorboard", "matplotlib", "PIL")
    from rich.console import Console

    from models.publish import check_publishing, publish
    from trainer import run as training
    from trainer.package import without_tensorflow
    from trainer.places import Places
    from trainer.run_settings import Budget

    console = Console()
    if push is not None:
        check_publishing(car, load_settings(car), push)
    budget = Budget(minutes or (None if steps else 10), steps)
    if resume is not None:
        model = training.resume(runs / resume, budget, car, console)
    else:
        places = Places(simcache=simcache, simcache_out=simcache_out, load=load, save_every=save_every, save_to=save_to)
        folder = runs / (name or training.default_name())
        model = training.run(folder, chosen, preset, budget, places, car, console, calibration)
    console.print(f"the model is in {model}; try  python manage.py drive --model {model.parent}", soft_wrap=True)
    if push is not None:
        done = without_tensorflow(publish, car, load_settings(car), None, model, push)
        console.print(f"{push} of {done.where} now names it, as {done.digest[:8]}", soft_wrap=True)


def _hyperparameters(preset: str | None, typed: dict[str, Any], recorded: bool) -> Hyperparameters:
    """The defaults, but for what recordings want, but for what the preset says, but for what was typed."""
    from pydantic import ValidationError

    from sim_bridge.address import EMBEDDED, parse_address
    from trainer.presets import load_preset

    for_recordings = load_preset("recordings") if recorded else {}
    differences = for_recordings | (load_preset(preset) if preset is not None else {}) | typed
    if differences.get("sim", EMBEDDED) != EMBEDDED:
        parse_address(differences["sim"])
        differences = {"envs": 1} | differences  # a car each for whom nobody asked is not what a simulator expects
        if differences.get("values") == "rolled_out":
            raise UserError("rolled_out values need the embedded simulator; leave out --sim, or take other --values")
    try:
        return Hyperparameters(**differences)
    except ValidationError as error:
        raise UserError(f"--{explain(error, Hyperparameters).replace('_', '-')}") from error


def _compare_runs(runs: Path, names: list[str], other: set[str]) -> None:
    if other:
        raise UserError(f"--compare trains nothing; leave out {_options(other)}")
    if len(names) < 2:
        raise UserError("--compare takes two runs or more: train --compare RUN RUN")
    needs("matplotlib")
    from rich.console import Console

    from trainer.compare import compare

    console = Console()
    console.print(f"the curves are in {compare(runs, names, console)}", soft_wrap=True)


def _options(names: set[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in sorted(names))
