"""Options that several commands share, and what they refuse alike."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from errors import UserError
from settings import PROJECT

DEFAULT_CAR = PROJECT / "mycar"

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
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")]


def crossings_need_a_track(crossings: bool, track: object) -> None:
    """Raises UserError."""
    if crossings and not track:
        raise UserError("--crossings is about a --track; name one, or leave it out")


def needs(*packages: str) -> None:
    """Raises UserError where one of these packages of the trainer's is not installed."""
    if any(importlib.util.find_spec(package) is None for package in packages):
        raise UserError(
            "training needs TensorFlow, TensorBoard and Matplotlib, which are not all installed; "
            "type `make install-trainer`"
        )
