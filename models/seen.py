"""The largest sequence that was ever accepted of each channel: what makes an old file, put back, an old file."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from models.channel import ChannelError
from storage.files import write_file

_Seen = TypeAdapter(dict[str, Annotated[int, Field(ge=0)]])


def newest_sequence(car: Path, where: str, channel: str) -> int:
    """Of this channel of the store at `where`; 0 where none was accepted yet. Raises ChannelError where the car's note
    of it is broken."""
    return _read(car).get(_key(where, channel), 0)


def remember_sequence(car: Path, where: str, channel: str, sequence: int) -> None:
    """Note that it was accepted; a smaller one than before changes nothing. Raises ChannelError, StorageError."""
    seen = _read(car)
    if sequence > seen.get(_key(where, channel), 0):
        write_file(_path(car), (json.dumps(seen | {_key(where, channel): sequence}, indent=2) + "\n").encode())


def _path(car: Path) -> Path:
    return car / "models" / "seen.json"


def _key(where: str, channel: str) -> str:
    return f"{where} {channel}"


def _read(car: Path) -> dict[str, int]:
    path = _path(car)
    try:
        return _Seen.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise ChannelError(f"{path} cannot be read; remove it, and the next pull believes the store's word") from error
