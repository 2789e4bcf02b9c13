"""Files that are whole or not there: write beside, fsync, rename."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from errors import UserError


class StorageError(UserError):
    """A file could not be read or written. The message is one line: the cause and the remedy."""


def remedy(error: OSError) -> str:
    """What to do about a file that could not be written, as the end of a message."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full: free some space, or name another folder"
    if error.errno == errno.EFBIG:
        return "the file-size limit of this process is reached: raise it (ulimit -f), or name another folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "no permission to write there: name another folder, or mend its rights"
    return "name another folder, or mend this one"


def fsync(path: Path) -> None:
    """Have a file's content, or a folder's names, on disk before anything else happens. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write content to path, whole or not at all; an older file at path stays until the new one is safe on disk.

    mode: its rights in the end; until then they are 0600, which would make a model unreadable to the car's other users.
    Raises StorageError (disk full, no permission, ...); nothing is left behind then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, mode)
            os.replace(name, path)
            fsync(path.parent)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; {remedy(error)}") from error


@contextlib.contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that appears at path, whole, when the block ends; if the block raises, nothing appears.

    Yields an empty staging folder on the same file system. A folder already at path is replaced: for the instant
    between two renames nothing stands there, never a half-written one.
    Raises StorageError on an OSError of the block's or of the renames.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        staging.chmod(0o755)
        try:
            yield staging
            for file in staging.iterdir():
                fsync(file)
            fsync(staging)
            old = staging.with_name(staging.name + ".old")
            if path.exists():
                os.replace(path, old)
            os.replace(staging, path)
            fsync(path.parent)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; {remedy(error)}") from error
