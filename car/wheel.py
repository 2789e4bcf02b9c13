"""Who has the wheel when a drive starts, and who follows: from the car's folder and the command line."""

import sys
from dataclasses import dataclass
from pathlib import Path

from car.follower import Channel, Follower
from car.handover import Handover
from models.folder import Model, ModelError, load_model
from models.installed import CarModels
from settings import PROJECT

PRETRAINED = PROJECT / "models" / "pretrained"  # for the simulated car: the worlds of the default evaluation
PRETRAINED_REAL = PROJECT / "models" / "pretrained_real"  # for rooms it has never seen


@dataclass(frozen=True)
class Wheel:
    """The model that decides; and, where one is on trial or a channel is followed, who brings and keeps them."""

    handover: Handover
    follower: Follower | None = None

    @property
    def model(self) -> Model:
        """The one that decides now."""
        return self.handover.model

    @property
    def channel(self) -> str | None:
        """The channel of models that is followed."""
        return self.follower.channel.name if self.follower and self.follower.channel else None


def choose_model(car: Path, named: Path | None, *, real: bool = False) -> Model:
    """The model that was named, else the car's current one, else the one that is shipped: for real rooms, or for the
    simulator's. Raises ModelError, InstallError."""
    return load_model(named or CarModels(car).current() or shipped(real=real))


def shipped(*, real: bool) -> Path:
    """The model that comes with the program."""
    return PRETRAINED_REAL if real else PRETRAINED


def take_the_wheel(
    car: Path, named: Path | None, *, real: bool = False, channel: Channel | None = None, hot: bool = False
) -> Wheel:
    """For a drive: the model as `choose_model` says, but that one which waits takes over where a channel is followed,
    and one on trial that cannot be trusted is put back, which is said on stderr.

    Raises ModelError, InstallError, StorageError.
    """
    if named is not None:
        return Wheel(Handover(load_model(named)))
    models = CarModels(car)
    if channel and (ready := models.ready()):
        models.activate(ready)
    if models.on_trial() and (why := models.begin()):
        print(f"the model on trial was put back: {why}", file=sys.stderr)
    if (digest := models.on_trial()) is None:
        model, before = choose_model(car, None, real=real), None
    else:
        before = load_model(models.good() or shipped(real=real))
        try:
            model = load_model(models.path(digest))
        except ModelError as error:
            models.failed(digest, str(error))
            print(f"the model on trial was put back: {error}", file=sys.stderr)
            model, before = before, None
    handover = Handover(model, before, hot=hot)
    follower = Follower(car, handover, channel) if channel or before else None
    return Wheel(handover, follower)
