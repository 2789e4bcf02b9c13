"""One process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import UserError
from storage.files import StorageError, remedy


@contextmanager
def locked(path: Path, taken: UserError | None = None) -> Iterator[None]:
    """Held by one block of all processes that lock this path. It ends with its process, by kill -9 too.

    path: a folder that is there, or a file, which is made where there is none and stays: whoever removed it would let
    two in. taken: raised where another holds it; None: wait for it. Raises StorageError where it cannot be opened.
    """
    try:
        if path.is_dir():
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; {remedy(error)}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if taken else fcntl.LOCK_EX)
        except BlockingIOError:
            assert taken  # noqa: S101 - else it waits
            raise taken from None
        yield
    finally:
        os.close(descriptor)
