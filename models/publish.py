"""What an owner does with the store, with the keys of the car's folder: push, promote, roll back."""

from dataclasses import dataclass
from pathlib import Path

from models.channel import Channel
from models.fetch import Told
from models.signing import load_key, load_trusted
from models.store import StoreError, find, list_channels, list_models, promote, push, read_state, rollback
from settings import Settings
from storage.place import Place, open_place


@dataclass(frozen=True)
class Published:
    """What went where."""

    where: str
    digest: str  # sha256 of the model's manifest
    channel: Channel | None  # None: on no channel


def model_place(car: Path, settings: Settings, where: str | None = None) -> Place:
    """The model store: `where` if it is given, else what settings.toml says, else a folder of the car's own.

    A path in settings.toml begins at the car's folder. Raises StorageError.
    """
    if where is None:
        said = settings.models.place or "store"
        where = said if "://" in said else str(car / said)
    return open_place(where, settings.s3)


def publish(
    car: Path, settings: Settings, where: str | None, folder: Path, channel: str | None, told: Told = lambda *_: None
) -> Published:
    """Sign a model with the key of the car's folder, push it, and let the channel name it, if one is given.

    Raises SigningError without a key, ModelError where the folder fails a check, StoreError where somebody else moved
    the channel meanwhile (the model is in the store then, on no channel), ChannelError, StorageError.
    """
    place = model_place(car, settings, where)
    key, trusted = load_key(car), load_trusted(car)
    state = read_state(place, channel, trusted) if channel is not None else None
    digest = push(place, folder, key, told)
    try:
        moved = promote(place, state, digest, key, trusted) if state is not None else None
    except StoreError as error:
        raise StoreError(f"the model was pushed, as {digest[:8]}; but {error}") from error
    return Published(place.where, digest, moved)


def check_publishing(car: Path, settings: Settings, channel: str) -> None:
    """Raises UserError where publishing on that channel would fail for want of a key, a place or a channel: for who is
    about to train for an hour first."""
    load_key(car)
    read_state(model_place(car, settings), channel, load_trusted(car))


def promote_model(car: Path, place: Place, channel: str, model: str | None) -> Channel:
    """Let a channel name a model of the store. model: as for `store.find`; None: canary's, and for canary the newest.

    Raises StoreError where there is no such model, or somebody else moved the channel meanwhile; as `promote`.
    """
    key, trusted = load_key(car), load_trusted(car)
    state = read_state(place, channel, trusted)
    models, channels = list_models(place, trusted), list_channels(place, trusted)[0]
    if model is None and channel == "canary":
        model = next((one.digest for one in reversed(models) if one.manifest), "the newest")
    return promote(place, state, find(models, channels, model or "canary").digest, key, trusted)


def roll_back(car: Path, place: Place, channel: str) -> Channel:
    """Let a channel name the model that it named before. Raises as `store.rollback`."""
    key, trusted = load_key(car), load_trusted(car)
    return rollback(place, read_state(place, channel, trusted), key, trusted)
