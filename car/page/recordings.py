"""The recordings in a car's folder: which there are, where one is, and its end."""

import contextlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.files import StorageError, remedy
from storage.tub import IMAGES, MANIFEST

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FRAME = re.compile(r"[A-Za-z0-9_-]{1,100}\.jpg")
_DELETED = ".deleted-"
_LAST_BYTES = 4096  # of a catalog: more than one line


class NoRecording(Exception):
    """There is none of that name."""


@dataclass(frozen=True)
class Recordings:
    """A car's drives/, and the tub that this drive records into, if it records."""

    folder: Path
    own: Path | None = None
    model: Path | None = None  # whose score against the human can be had

    def summaries(self) -> list[dict[str, Any]]:
        """What is known of each without reading it whole, the newest first: JSON values."""
        names = (file.parent.name for file in self.folder.glob(f"*/{MANIFEST}"))
        return [self._summary(name) for name in sorted(filter(_NAME.fullmatch, names), reverse=True)]

    def find(self, name: str) -> Path:
        """The folder of a recording. Raises NoRecording for what is none, whatever the name tries."""
        path = self.folder / name
        if not _NAME.fullmatch(name) or path.is_symlink() or not (path / MANIFEST).is_file():
            raise NoRecording
        return path

    def frame(self, name: str, image: str) -> bytes:
        """A recorded JPEG, as it is. Raises NoRecording."""
        if not _FRAME.fullmatch(image):
            raise NoRecording
        try:
            return (self.find(name) / IMAGES / image).read_bytes()
        except OSError as error:
            raise NoRecording from error

    def is_own(self, name: str) -> bool:
        """This drive records into it, now or as soon as somebody presses the button."""
        return self.own is not None and name == self.own.name

    def delete(self, name: str) -> None:
        """For good; gone at once from every list. Raises NoRecording, StorageError."""
        path = self.find(name)
        gone = path.with_name(_DELETED + name)
        try:
            os.replace(path, gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise StorageError(f"cannot delete {path}: {error.strerror}; {remedy(error)}") from error

    def _summary(self, name: str) -> dict[str, Any]:
        """Tolerant: a broken tub is listed, so that it can be deleted."""
        path = self.folder / name
        summary: dict[str, Any] = {"name": name, "own": self.is_own(name)}
        summary |= {"when": None, "records": None, "s": None, "preview": None}
        with contextlib.suppress(OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
            lines = (path / MANIFEST).read_text(encoding="utf-8").splitlines()
            created, catalogs = json.loads(lines[3]), json.loads(lines[4])
            summary["when"] = datetime.fromtimestamp(created["created_at"], UTC).isoformat(timespec="seconds")
            first, _ = _first_and_last(path / Path(catalogs["paths"][0]).name)
            _, last = _first_and_last(path / Path(catalogs["paths"][-1]).name)
            summary["records"] = last["_index"] + 1 - len(catalogs["deleted_indexes"])
            summary["s"] = round((last["_timestamp_ms"] - first["_timestamp_ms"]) / 1000, 1)
            if _FRAME.fullmatch(image := first["cam/image_array"]):
                summary["preview"] = image
        return summary


def _first_and_last(catalog: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its first and last record. Raises OSError, ValueError, IndexError."""
    with catalog.open("rb") as file:
        first = file.readline()
        file.seek(max(0, catalog.stat().st_size - _LAST_BYTES))
        last = file.read().splitlines()[-1]
    return json.loads(first), json.loads(last)
