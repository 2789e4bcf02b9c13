"""`manage.py models`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import DEFAULT_CAR, CarOption, JsonOption
from errors import UserError
from settings import load_settings

if TYPE_CHECKING:
    from models.channel import Channel
    from storage.place import Place

models = typer.Typer(help="The model store: from the workstation to the car, signed.", no_args_is_help=True)

PlaceOption = Annotated[
    str | None,
    typer.Option(
        "--place",
        metavar="PLACE",
        help="The store: s3://BUCKET/PREFIX or a folder. Default: settings.toml's, else the car's own folder.",
    ),
]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="ssh://USER@HOST", help="Bring the channel straight to this car as well.")
]
ChannelArgument = Annotated[str, typer.Argument(metavar="CHANNEL", help="Like stable or canary.")]


@models.command("keygen")
def models_keygen(car: CarOption = DEFAULT_CAR) -> None:
    """Make the key that signs models. It stays on this machine; the cars get the public half of it."""
    from models.signing import make_key

    key = make_key(car)
    print(f"the key {key.id} is in {car / 'keys' / 'signing.key'}; who has that file can tell your cars what to drive")
    print(f"on each car:  python manage.py models trust signing.pub   (a copy of {car / 'keys' / 'signing.pub'})")


@models.command("trust")
def models_trust(
    public: Annotated[Path | None, typer.Argument(metavar="[KEY.pub]", help="Left out: list the trusted keys.")] = None,
    instead_of: Annotated[str | None, typer.Option(metavar="ID", help="No longer trust this one.")] = None,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Take the models that this key signs. Two keys at most, so that one can take the place of the other."""
    from models.signing import load_trusted, trust

    if public is not None:
        trust(car, public, instead_of)
    elif instead_of is not None:
        raise UserError("--instead-of is about a new key; name its file")
    print("trusted here:", ", ".join(load_trusted(car).ids) or "no key")


@models.command("push")
def models_push(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder or a training run.")],
    channel: Annotated[
        str | None, typer.Option(help="Let this channel name it. Default: none; with --to, stable.")
    ] = None,
    to: ToOption = None,
    place: PlaceOption = None,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Check a model, sign it, and bring it to the store."""
    from commands.progress import bytes_bar
    from models.publish import publish

    settings = load_settings(car)
    channel = channel or ("stable" if to else None)
    with bytes_bar("push") as told:
        done = publish(car, settings, place, model, channel, told)
    print(f"{done.digest[:8]} is at {done.where}" + (f"; {_moved(done.channel)}" if done.channel else ""))
    if channel and to:
        _send(car, place, channel, to)


@models.command("pull")
def models_pull(channel: ChannelArgument = "stable", place: PlaceOption = None, car: CarOption = DEFAULT_CAR) -> None:
    """Download the model that a channel names, verify and test it: the car drives it from now on, at first on trial."""
    from commands.progress import bytes_bar
    from models.pull import pull

    with bytes_bar("pull") as told:
        model, on_trial = pull(car, load_settings(car), place, channel, told)
    trial = ", on trial at first: one that fails gives way to the one before" if on_trial else ""
    print(f"the next drive is with {model.manifest.name}{trial}")


@models.command("list")
def models_list(place: PlaceOption = None, car: CarOption = DEFAULT_CAR) -> None:
    """The models of the store, and which channel names which."""
    from models.listing import print_models

    print_models(_place(car, place), car)


@models.command("show")
def models_show(
    model: Annotated[str, typer.Argument(help="Its name, the first digits of its sha256, or a channel.")],
    place: PlaceOption = None,
    json: JsonOption = False,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """All that is known of a model: how it was made, and how well it drove."""
    from models.listing import print_model

    print_model(_place(car, place), car, model, json)


@models.command("promote")
def models_promote(
    channel: ChannelArgument,
    model: Annotated[
        str | None, typer.Argument(help="Its name or digits, or a channel. Default: canary's; for canary the newest.")
    ] = None,
    to: ToOption = None,
    place: PlaceOption = None,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Let a channel name a model: the cars that follow it will drive it."""
    from models.publish import promote_model

    print(_moved(promote_model(car, _place(car, place), channel, model)))
    if to:
        _send(car, place, channel, to)


@models.command("rollback")
def models_rollback(
    channel: ChannelArgument, to: ToOption = None, place: PlaceOption = None, car: CarOption = DEFAULT_CAR
) -> None:
    """Let a channel name the model that it named before."""
    from models.publish import roll_back

    print(_moved(roll_back(car, _place(car, place), channel)))
    if to:
        _send(car, place, channel, to)


@models.command("verify")
def models_verify(
    folder: Annotated[Path | None, typer.Argument(help="A pulled model. Default: all of the store.")] = None,
    place: PlaceOption = None,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Check signatures and contents: of every model in the store, or of a folder. Exit code 1 where one fails."""
    from models.listing import print_check, print_folder_check

    if folder is not None:
        print_folder_check(folder, car)
    else:
        print_check(_place(car, place), car)


@models.command("gc")
def models_gc(
    keep: Annotated[
        int | None, typer.Option(min=0, help="Also remove models that no channel names or named, but so many newest.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    place: PlaceOption = None,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Remove what nothing in the store names: the remains of pushes that were cut short, an hour old or more."""
    from models.signing import load_trusted
    from models.sweep import garbage, remove

    store = _place(car, place)
    found = garbage(store, load_trusted(car), keep)
    for entry in found if dry_run else remove(store, found):
        print(f"{entry.name}  {entry.size_bytes} bytes")
    print(f"{len(found)} files of {store.where} " + ("would go" if dry_run else "were not needed"))


@models.command("receive", hidden=True)
def models_receive(car: CarOption = DEFAULT_CAR) -> None:
    """The other end of --to: a channel and its model, from standard input into this car's store."""
    from models.over_ssh import receive
    from models.signing import load_trusted

    channel = receive(sys.stdin.buffer, _place(car, None), load_trusted(car))
    print(f"{channel.name} of {_place(car, None).where} is at {channel.model[:8]}")


def _place(car: Path, where: str | None) -> "Place":
    from models.publish import model_place

    return model_place(car, load_settings(car), where)


def _moved(channel: "Channel") -> str:
    return f"{channel.name} now names {channel.model[:8]} (sequence {channel.sequence})"


def _send(car: Path, place: str | None, channel: str, to: str) -> None:
    from models.over_ssh import send
    from models.signing import load_trusted

    print(f"{to}: {send(_place(car, place), channel, load_trusted(car), to)}")
