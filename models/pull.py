"""From a channel to what the car drives: what `models pull` does, while the car stands."""

from pathlib import Path

from models.fetch import Told
from models.folder import Model, load_model
from models.install import install
from models.installed import CarModels
from models.publish import model_place
from models.signing import load_trusted
from settings import Settings


def pull(
    car: Path, settings: Settings, where: str | None, channel: str, told: Told = lambda *_: None
) -> tuple[Model, bool]:
    """The model that a channel names, from now on the car's current one; and whether it has still to pass its trial.

    A drive that goes on keeps the one that it has. Raises as `models.install.install` does, and InstallError where
    `current` is not the installer's to change.
    """
    models = CarModels(car)
    installed = install(model_place(car, settings, where), channel, car, load_trusted(car), told)
    if installed.link == "ready":
        models.activate(installed.digest)
    return load_model(models.path(installed.digest)), models.on_trial() is not None
