"""`manage.py sim launcher`."""

from typing import Annotated

import typer

launcher = typer.Typer(invoke_without_command=True)

PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The launcher's own port.")]


@launcher.callback()
def launch(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="This computer's address to listen on, for the simulators too; 0.0.0.0: all of them.")
    ] = "127.0.0.1",
    port: PortOption = 9082,
    most: Annotated[int, typer.Option(min=1, max=64, help="Simulators at once, each on a port of its own.")] = 20,
    first_port: Annotated[
        int, typer.Option(min=1024, max=65535, help="The simulators' ports, from this one on.")
    ] = 9093,
    idle_s: Annotated[
        float, typer.Option(min=1, help="A client that is silent for so long loses its simulators.")
    ] = 600,
    start_s: Annotated[
        float, typer.Option(min=1, help="A simulator that does not answer for so long is given up.")
    ] = 60,
    lockstep: Annotated[
        bool, typer.Option("--lockstep", help="Our own simulators as fast as their clients ask, not in real time.")
    ] = False,
) -> None:
    """SimLauncher3000: start a simulator for each trainer that asks, here or on another computer. Ctrl-C ends it, and
    them. Both sides need the same secret in the environment variable PS; SIM_PATH names DonkeySim's program, else
    `sim serve` is started."""
    if context.invoked_subcommand is None:
        from sim_bridge.launcher import Server

        Server(host, port, most=most, first_port=first_port, idle_s=idle_s, start_s=start_s, lockstep=lockstep).run()


@launcher.command("status")
def launcher_status(
    host: Annotated[str, typer.Option(help="The launcher's computer.")] = "localhost",
    port: PortOption = 9082,
) -> None:
    """Which simulators a launcher has started, for whom, and since when."""
    from rich.console import Console

    from sim_bridge.launcher import Client
    from sim_bridge.launcher.table import print_table

    with Client(host, port) as client:
        print_table(client.status(), Console())
