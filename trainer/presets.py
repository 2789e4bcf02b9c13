"""Presets: short TOML files of the hyper-parameters that differ from the defaults, with a reason a line."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from errors import UserError
from settings import explain
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
    try:
        differences = tomllib.loads(path.read_text(encoding="utf-8"))
        Hyperparameters(**differences)
    except FileNotFoundError:
        raise PresetError(f"no preset {name!r}; there are {', '.join(names())}, or name a TOML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PresetError(f"cannot read {path}: {error}; name another file") from error
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"{path} is not TOML: {error}; mend that line") from error
    except ValidationError as error:
        raise PresetError(f"{path}: {explain(error, Hyperparameters)}") from error
    return differences
