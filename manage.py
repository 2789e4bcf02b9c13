#!/usr/bin/env python3
"""The program that people type. The commands are in commands/, a file per verb."""

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
_VENV = PROJECT / ".venv"
if (_VENV / "bin" / "python").exists() and Path(sys.prefix).resolve() != _VENV.resolve():
    # So that `python manage.py ...` works right after `make`, whichever Python it is typed with.
    os.execv(_VENV / "bin" / "python", [str(_VENV / "bin" / "python"), *sys.argv])

try:
    import typer
except ModuleNotFoundError:
    sys.exit("manage.py: the environment is not installed; type `make install`")

from commands import bench, calibrate, doctor, drive, evaluate, models, sim, train
from errors import UserError

app = typer.Typer(
    help="Self-Aware Driving Patate: learn to drive a Donkey car in simulation, and drive it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in (drive, evaluate, doctor, train):  # one command each
    app.add_typer(verb.app)
app.add_typer(sim.sim, name="sim")
app.add_typer(models.models, name="models")
app.add_typer(calibrate.calibrate, name="calibrate")
app.add_typer(bench.bench, name="bench")


def main() -> None:
    """Run a command; what a person can mend is one line and exit code 1."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
