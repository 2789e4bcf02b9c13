"""`manage.py simcache`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import DEFAULT_CAR, CarOption, ModelOption

if TYPE_CHECKING:
    from models.shelf import Shelf

simcache = typer.Typer(help="Recordings to learn from: files, folders, s3://BUCKET/PREFIX.", no_args_is_help=True)

PlaceArgument = Annotated[
    str | None, typer.Argument(metavar="[PLACE]", help="A file, a folder or S3. Default: where the car records.")
]


@simcache.command("list")
def simcache_list(place: PlaceArgument = None, car: CarOption = DEFAULT_CAR) -> None:
    """The files: their names, sizes and dates."""
    _shelf(car).tabulate(_place(place, car))


@simcache.command("show")
def simcache_show(
    place: PlaceArgument = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Leave a contact sheet of what was seen there.")
    ] = None,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """What is in them: transitions, episodes, rewards and what those mean, actions."""
    _shelf(car).show(_place(place, car), picture)


@simcache.command("import")
def simcache_import(
    tub: Annotated[Path, typer.Argument(metavar="TUB", help="A donkeycar tub, or a folder of them.")],
    place: PlaceArgument = None,
    model: ModelOption = None,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Donkeycar tubs as recordings, by the contract of the model, as `drive --record simcache` makes them.

    A tub has no rewards: they become +1 a step, and -1 at a cut or change of mode.
    """
    from car.wheel import choose_model

    _shelf(car).import_tubs(tub, _place(place, car), choose_model(car, model).contract)


@simcache.command("export")
def simcache_export(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="A file, a folder or S3.")],
    tub: Annotated[Path, typer.Argument(metavar="TUB", help="The folder of the new tub.")],
    car: CarOption = DEFAULT_CAR,
) -> None:
    """A donkeycar tub of what was seen and commanded."""
    _shelf(car).export(place, tub)


@simcache.command("merge")
def simcache_merge(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Files, folders or S3.")],
    place: Annotated[str, typer.Argument(metavar="PLACE", help="A folder or S3, where all of them shall be.")],
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Copy recordings together, each file once: from a folder to S3, from S3 to here, from several to one."""
    _shelf(car).merge(sources, place)


@simcache.command("verify")
def simcache_verify(place: PlaceArgument = None, car: CarOption = DEFAULT_CAR) -> None:
    """Read every file: whole, unchanged, true to its contract, and none twice."""
    _shelf(car).verify(_place(place, car))


def _shelf(car: Path) -> "Shelf":
    from rich.console import Console

    from models.shelf import Shelf
    from settings import load_settings

    return Shelf(car, load_settings(car), Console())


def _place(given: str | None, car: Path) -> str:
    from settings import load_settings

    return given or load_settings(car).simcache.place or str(car / "simcache")
