"""`manage.py doctor`."""

import json
from typing import Annotated

import typer

from commands.options import DEFAULT_CAR, CarOption

app = typer.Typer()


@app.command()
def doctor(
    camera: Annotated[
        str | None, typer.Option(metavar="pi|usb[:N]|sim", help="Which camera to look at. Default: as drive's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the lines.")] = False,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Is everything there that a drive needs? A line for each thing, and what to do. Exits with 1 where one fails."""
    from car.doctor import report

    lines = report.examine(car, camera)
    if as_json:
        print(json.dumps(report.as_json(lines)))
    else:
        from rich.console import Console

        report.print_lines(lines, Console())
    if report.worst(lines) == "fail":
        raise typer.Exit(1)
