"""From the store to a folder of the car: what `models pull` does."""

from pathlib import Path

from models.fetch import SIGNATURE, Told, fetch, read_pointer
from models.folder import Model, load_model
from models.publish import model_place
from models.seen import newest_sequence, remember_sequence
from models.signing import load_trusted
from settings import Settings
from storage.files import write_folder


def pull(car: Path, settings: Settings, where: str | None, channel: str, told: Told = lambda *_: None) -> Model:
    """The model that a channel names, downloaded, verified and tried out, in <car>/models/NAME-SHA256.

    Nothing is downloaded where it is there already. Raises RefusedError, SigningError, ModelError where it cannot be
    believed or driven, StorageError; nothing is left behind then.
    """
    place, trusted = model_place(car, settings, where), load_trusted(car)
    pointer = read_pointer(place, channel, trusted, newest_sequence(car, place.where, channel))
    folder = car / "models" / pointer.model[:12]
    if not (folder / SIGNATURE).exists():
        with write_folder(folder) as staging:
            fetch(place, pointer.model, trusted, staging, told)
            load_model(staging)
    model = load_model(folder)
    remember_sequence(car, place.where, channel, pointer.sequence)
    return model
