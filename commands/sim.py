"""`manage.py sim`."""

from pathlib import Path
from typing import Annotated

import typer

from settings import PROJECT

sim = typer.Typer(help="The embedded simulator: what it shows, and as a server.", no_args_is_help=True)


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


@sim.command("serve")
def sim_serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 9091,
    host: Annotated[str, typer.Option(help="Who may connect: 0.0.0.0 is everyone in the network.")] = "127.0.0.1",
    lockstep: Annotated[
        bool, typer.Option("--lockstep", help="A frame for each control, as fast as the client asks; else 20 a second.")
    ] = False,
    table: Annotated[
        str, typer.Option(help="Worlds of generated_road, where a client asks for new ones.")
    ] = "training",
    dial: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT", help="Connect to a client that listens, as gym-donkeycar 1.0 does. May be repeated."
        ),
    ] = None,
) -> None:
    """The embedded simulator, in the place of DonkeySim: any gym-donkeycar program can drive it. Ctrl-C ends it."""
    from sim_bridge.donkeysim.serve import serve

    serve(host, port, lockstep=lockstep, table=table, dial=dial or [])
