"""Presets: short TOML files of the hyper-parameters that differ from the defaults, with a reason a line."""

from pathlib import Path
from typing import Any

from errors import UserError
from settings import read_toml
from trainer.hyperparameters import Hyperparameters

FOLDER = Path(__file__).parent / "presets"


class PresetError(UserError):
    """A preset cannot be used. The message is one line: the cause and the remedy."""


def names() -> list[str]:
    """Of the presets that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_preset(name: str) -> dict[str, Any]:
    """The differences a preset makes. name: one of `names()`, or the path of a TOML file of one's own.

    Raises PresetError for an unknown name, a file that is not TOML, an unknown key or a value out of range.
    """
    path = FOLDER / f"{name}.toml" if name in names() else Path(name)
    preset = read_toml(path, Hyperparameters, PresetError)
    if preset is None:
        raise PresetError(f"no preset {name!r}; there are {', '.join(names())}, or name a TOML file")
    return preset.model_dump(exclude_unset=True)
