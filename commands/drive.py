"""`manage.py drive`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.options import DEFAULT_CAR, CarOption, CrossingsOption, ModelOption, crossings_need_a_track
from errors import UserError

app = typer.Typer()


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
    mode: Annotated[
        Literal["user", "local_angle", "local"] | None,
        typer.Option(
            help="Who drives at the start: you, the policy steering, the policy. Default: as in settings.toml."
        ),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Record from the start, into the car's drives/.")] = False,
    constant_throttle: Annotated[
        float | None, typer.Option(min=0, max=1, help="The policy steers; the throttle stays at this, or at the cap.")
    ] = None,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Drive: the policy at the wheel of the real car on a Raspberry Pi, of the simulated one elsewhere; live."""
    from car.drive import Wires, choose_model, drive_footage, drive_real, drive_simulated
    from car.hardware import choose_camera, choose_drivetrain, hardware
    from car.people import PeopleOptions
    from settings import load_settings

    crossings_need_a_track(crossings, track)
    settings = load_settings(car)
    if mode is not None:
        settings = settings.model_copy(update={"drive": settings.drive.model_copy(update={"mode": mode})})
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
