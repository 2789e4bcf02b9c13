"""`manage.py sim`."""

from pathlib import Path
from typing import Annotated

import typer

from settings import PROJECT

sim = typer.Typer(help="The embedded simulator.", no_args_is_help=True)


@sim.command("look")
def sim_look(
    table: Annotated[str, typer.Option(help="Which distributions: training, evaluation, wide or real.")] = "training",
    seed: Annotated[int, typer.Option(min=0, help="Names the 24 scenes.")] = 1,
    tub: Annotated[Path | None, typer.Option(metavar="PATH", help="A recording to set beside them.")] = None,
    out: Annotated[Path, typer.Option(metavar="PNG", help="Where the picture goes.")] = PROJECT / "reports/look.png",
) -> None:
    """A contact sheet: what the camera sees in 24 scenes, and what the policy sees of it; beside it a recording's."""
    from models.contract import Contract
    from sim_bridge.look import look

    look(Contract().observation, table, seed, tub, out)
    print(out)
