"""A place where bytes rest: a local folder or an S3 bucket, behind one interface.

    place = open_place("s3://bucket/prefix")     # or a path
    place.write("channels/stable.json", content, only_if=tag)

Names are relative, like channels/stable.json: they may come from a network, so those that could lead elsewhere are
refused before anything is opened.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from settings import S3Settings
from storage.files import StorageError

ABSENT = "absent"  # as a tag: there is no such file yet

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LONGEST_NAME, _LONGEST_PART = 512, 160  # a folder adds to a part while it writes, and 255 bytes is the most it takes


class NotFoundError(StorageError):
    """There is no file of this name, in a place that is there."""


class ConflictError(StorageError):
    """Somebody else wrote this file first. Nothing was written."""


class TooLargeError(StorageError):
    """The file is larger than its reader takes. It was not read on."""


class BadNameError(StorageError):
    """No name for a file of a place: absolute, with `..`, with odd characters."""


@dataclass(frozen=True)
class Entry:
    """What a listing tells of a file."""

    name: str
    size_bytes: int
    modified: datetime  # UTC, by the clock of the folder's machine or of the S3 server


class Place(ABC):
    """Files by name. Every method raises StorageError, one line with the cause and the remedy, where the place cannot
    be reached or refuses, and BadNameError for a name that `check_name` refuses. A read that raises may be tried again;
    a write that raises anything but ConflictError may or may not have happened. Safe for several threads."""

    where: str  # as a person would name it

    def read(self, name: str, most_bytes: int) -> bytes:
        """The whole of a file. Raises NotFoundError, TooLargeError where it has more than most_bytes, StorageError."""
        return b"".join(self.stream(name, most_bytes))

    @abstractmethod
    def stream(self, name: str, most_bytes: int) -> Iterator[bytes]:
        """A file in pieces, in order; each at most 1 MiB. Errors as for `read`, from the first piece on; where it turns
        out too large, or breaks off, only after some pieces."""

    @abstractmethod
    def read_tagged(self, name: str, most_bytes: int) -> tuple[bytes, str]:
        """The whole of a file, and the tag of this version of it, for `write`. Raises as `read` does."""

    @abstractmethod
    def write(self, name: str, content: bytes, *, only_if: str | None = None) -> None:
        """Write a file, whole or not at all, over an older one of this name.

        only_if: the tag that `read_tagged` gave, or ABSENT: write only if that version is still the one that is there.
        Of several who try so at once exactly one succeeds; the others get ConflictError. Raises StorageError.
        """

    @abstractmethod
    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """The files whose name begins with prefix, in any depth, fetched page by page: those of one folder
        in the order of their names, the folders among them where the server puts them.

        Files whose name `check_name` refuses are not this project's, and are left out. An empty or absent folder has
        none; a bucket that is not there raises StorageError.
        """

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove a file. Nothing happens where there is none. Raises StorageError."""


def open_place(where: str | Path, s3: S3Settings = S3Settings()) -> Place:  # noqa: B008, it is frozen
    """The place at `s3://bucket/prefix`, or in the folder of that path, which the first write makes.

    s3: what settings.toml says of the server; the rest is found by boto3's own chain (environment, ~/.aws). Nothing is
    fetched yet. Raises StorageError where the address is none, or boto3 finds no credentials or is not installed.
    """
    text = str(where)
    scheme, separator, rest = text.partition("://")
    if not separator:
        from storage.folder import FolderPlace  # noqa: PLC0415, it is made of what stands above

        if re.match(r"s3:", text):
            raise StorageError(f"{text} is no address of a bucket; write s3://BUCKET/PREFIX")
        return FolderPlace(Path(text).expanduser())
    if scheme != "s3":
        raise StorageError(f"{text} is no place for files; write s3://BUCKET/PREFIX, or the path of a folder")
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.fullmatch(bucket) or (prefix and not is_name(prefix)):
        raise StorageError(f"{text} is no address of a bucket; write s3://BUCKET/PREFIX, of letters, digits, . and -")
    from storage.s3 import S3Place  # noqa: PLC0415, boto3 takes a tenth of a second

    return S3Place(bucket, prefix, s3)


def is_name(text: str) -> bool:
    """Whether a file of a place may have this name: parts of ASCII letters, digits, `_`, `-` and `.`, none of which
    begins with a dot, separated by `/`."""
    short = len(text) <= _LONGEST_NAME and all(len(part) <= _LONGEST_PART for part in text.split("/"))
    return short and _NAME.fullmatch(text) is not None


def check_name(name: str) -> str:
    """The name itself. Raises BadNameError where a file of a place may not have it."""
    if not is_name(name):
        raise BadNameError(f"{name[:80]!r} is refused as the name of a file; it could lead outside the place")
    return name
