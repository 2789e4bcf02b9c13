"""A place in a local folder."""

import hashlib
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from storage.files import StorageError, remedy, write_file
from storage.lock import locked
from storage.place import ABSENT, ConflictError, Entry, NotFoundError, Place, TooLargeError, check_name, is_name

_PIECE_BYTES = 1 << 20
_LOCK = ".lock"  # begins with a dot, so no file of a place has its name


class FolderPlace(Place):
    """Files in a folder, by the names of their paths in it. The tag of a file is the sha256 of its content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where = str(folder)

    def stream(self, name: str, most_bytes: int) -> Iterator[bytes]:
        path = self.folder / check_name(name)
        try:
            # Without O_NONBLOCK a named pipe, on somebody's memory stick, would be waited for for ever.
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise NotFoundError(f"{path} is no file")
                if status.st_size > most_bytes:
                    raise TooLargeError(f"{path} has {status.st_size} bytes, and at most {most_bytes} are taken")
                left = most_bytes
                while piece := file.read(_PIECE_BYTES):
                    left -= len(piece)
                    if left < 0:  # it grew while it was read
                        raise TooLargeError(f"{path} has more than the {most_bytes} bytes that are taken")
                    yield piece
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"{path} does not exist") from error
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}; mend its rights, or copy it anew") from error

    def read_tagged(self, name: str, most_bytes: int) -> tuple[bytes, str]:
        content = self.read(name, most_bytes)
        return content, _tag(content)

    def write(self, name: str, content: bytes, *, only_if: str | None = None) -> None:
        path = self.folder / check_name(name)
        if only_if is None:
            write_file(path, content)
            return
        with locked(self.folder / _LOCK):
            if self._present_tag(path) != only_if:
                raise ConflictError(f"{path} was written by somebody else in the meantime; nothing was changed")
            write_file(path, content)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        try:
            yield from self._walk("", prefix)
        except OSError as error:
            raise StorageError(f"cannot list {self.folder}: {error.strerror}; mend its rights") from error

    def delete(self, name: str) -> None:
        path = self.folder / check_name(name)
        try:
            path.unlink(missing_ok=True)
        except NotADirectoryError:
            pass
        except OSError as error:
            raise StorageError(f"cannot delete {path}: {error.strerror}; {remedy(error)}") from error

    def _present_tag(self, path: Path) -> str:
        try:
            return _tag(path.read_bytes())
        except FileNotFoundError:
            return ABSENT
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}; mend its rights") from error

    def _walk(self, below: str, prefix: str) -> Iterator[Entry]:
        """The entries of one folder; `below` is its name with a slash, "" for the place itself."""
        try:
            with os.scandir(self.folder / below) as found:
                files = sorted(found, key=lambda file: file.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for file in files:
            name = below + file.name
            if not is_name(name):
                continue
            if file.is_dir(follow_symlinks=False):
                if f"{name}/".startswith(prefix) or prefix.startswith(f"{name}/"):
                    yield from self._walk(f"{name}/", prefix)
            elif name.startswith(prefix):
                try:
                    status = file.stat()
                except FileNotFoundError:  # deleted while this went on
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield Entry(name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _tag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
