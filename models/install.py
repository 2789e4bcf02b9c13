"""From a channel to the car: download, verify, test, and only then into its place. What fails changes nothing."""

from dataclasses import dataclass
from pathlib import Path

from models.fetch import RefusedError, Told, fetch, read_pointer
from models.folder import ModelError
from models.installed import CarModels
from models.seen import newest_sequence, remember_sequence
from models.selftest import try_out
from models.signing import TrustedKeys
from storage.place import Place


@dataclass(frozen=True)
class Installed:
    """What the channel names, and where it now is: `current` or `ready`."""

    digest: str
    link: str
    new: bool  # it was not there before


def install(place: Place, channel: str, car: Path, trusted: TrustedKeys, told: Told = lambda *_: None) -> Installed:
    """Bring the model that a channel names to the car, where it waits as `ready`; one that it has is left as it is.

    It may be killed at any instant. Raises RefusedError, SigningError and ModelError for what cannot be believed or
    driven, RefusedError for a model that has failed here before, InstallError where another installs, StorageError
    where the place cannot be reached or the disk is full; the model that drives is as it was then.
    """
    models = CarModels(car)
    with models.installing():
        pointer = read_pointer(place, channel, trusted, newest_sequence(car, place.where, channel))
        remember_sequence(car, place.where, channel, pointer.sequence)
        digest = pointer.model
        models.withdraw_all_but(digest)
        bad = models.bad(digest)
        if bad and bad.sequence >= pointer.sequence:
            raise RefusedError(
                f"the model {digest[:8]} of {channel} failed on this car: {bad.why}; it gets another chance when "
                "`manage.py models promote` names it anew"
            )
        if link := models.named_by(digest):
            return Installed(digest, link, new=False)
        if models.path(digest).exists():  # the good one: the channel goes back to it
            models.wait(digest, pointer.sequence)
            return Installed(digest, "ready", new=True)
        with models.staging() as staging:
            fetch(place, digest, trusted, staging, told)
            try:
                try_out(staging)
            except ModelError as error:
                why = str(error).replace(str(staging), "it")
                models.remember_bad(digest, why, pointer.sequence)
                raise RefusedError(f"the model {digest[:8]} of {channel} is not taken: {why}") from error
            models.add(staging, digest, pointer.sequence)
    return Installed(digest, "ready", new=True)
