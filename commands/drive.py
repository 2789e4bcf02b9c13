"""`manage.py drive`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.options import DEFAULT_CAR, CarOption, CrossingsOption, ModelOption, crossings_need_a_track
from errors import UserError

app = typer.Typer()


@app.command()
def drive(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ADDRESS] [tub|simcache]",
            help="After --sim: the address of a simulator elsewhere, such as donkeysim://HOST:9091/generated_track. "
            "After --record: what it writes.",
            show_default=False,
        ),
    ] = None,
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
    simulated: Annotated[
        bool, typer.Option("--sim", help="Simulate camera and servos, on a Pi too; here, or at ADDRESS.")
    ] = False,
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
    record: Annotated[
        bool,
        typer.Option("--record", help="Record from the start: a tub into the car's drives/, or --record simcache."),
    ] = False,
    constant_throttle: Annotated[
        float | None, typer.Option(min=0, max=1, help="The policy steers; the throttle stays at this, or at the cap.")
    ] = None,
    follow: Annotated[
        str | None,
        typer.Option(
            metavar="CHANNEL",
            help="Drive what this channel of the store names; what is new takes over when the car stands.",
        ),
    ] = None,
    hot: Annotated[bool, typer.Option("--hot", help="With --follow: a new model takes over while driving.")] = False,
    place: Annotated[
        str | None, typer.Option("--place", metavar="PLACE", help="With --follow: the store. Default: settings.toml's.")
    ] = None,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Drive: the policy at the wheel of the real car on a Raspberry Pi, of the simulated one elsewhere; live."""
    from car.drive import Wires, drive_by_wire, drive_footage, drive_real, drive_simulated
    from car.follower import Channel
    from car.hardware import choose_camera, choose_drivetrain, hardware
    from car.people import PeopleOptions
    from car.wheel import take_the_wheel
    from settings import load_settings

    crossings_need_a_track(crossings, track)
    address, form = _values_of_flags(words or [], simulated=simulated, record=record)
    if address is not None and (track is not None or picture is not None or not realtime):
        raise UserError("--track, --picture and --no-realtime are for the simulator in here; leave them out")
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
    if follow and model:
        raise UserError("--follow drives what its channel names; leave it out, or --model")
    if not follow and (hot or place):
        raise UserError(
            "--hot and --place are about a channel that is followed; add --follow CHANNEL, or leave out both"
        )
    wires = None if chip == "sim" else Wires(chip, armed)
    options = PeopleOptions(page, port, record, "simcache" if form == "simcache" else "tub", constant_throttle)
    channel = Channel(follow, place) if follow else None
    wheel = take_the_wheel(car, model, real=chosen.kind != "sim", channel=channel, hot=hot)
    if chosen.kind == "tub":
        drive_footage(wheel, settings, car, options, chosen.tub, realtime=realtime, wires=wires)
    elif address is not None:
        drive_by_wire(wheel, settings, car, options, address, laps=laps, wires=wires)
    elif chosen.kind == "sim":
        drive_simulated(
            wheel,
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
        drive_real(wheel, settings, car, options, chosen, wires=wires)


def _values_of_flags(words: list[str], *, simulated: bool, record: bool) -> tuple[str | None, str | None]:
    """What was typed after --sim and after --record: the address of a simulator and what is written, None where nothing
    was. A flag that may have a value is none for typer, so the values are words by themselves. Raises UserError."""
    address = form = None
    for word in words:
        if word in ("tub", "simcache") and record and form is None:
            form = word
        elif simulated and address is None:
            from sim_bridge.address import address_of

            address_of(word)
            address = word
        elif "://" in word:
            raise UserError(f"{word} is a simulator's address; type --sim before it, or leave it out")
        else:
            raise UserError(f"drive takes no {word!r}; what is recorded is said as --record tub or --record simcache")
    return address, form
