"""Packets between processes of one machine: Unix sockets in a folder that only its owner may enter."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from errors import UserError


def private_folder(path: Path) -> Path:
    """The folder, made where it is missing, for its owner alone. Raises UserError where it is another's, or open."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise UserError(
            f"cannot make the folder {path}: {error.strerror}; mend its rights, or name another --car"
        ) from error
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise UserError(f"{path} must belong to you alone; type  chmod 700 {path}  or remove it")
    return path


def listen(folder: Path, name: str) -> socket.socket:
    """A socket that takes connections, in place of one that a dead process left. The caller holds a lock."""
    server = _socket()
    (folder / name).unlink(missing_ok=True)
    _at(folder, name, server.bind)
    server.listen()
    return server


def connect(folder: Path, name: str) -> socket.socket:
    """A connection. Raises OSError where nobody listens."""
    client = _socket()
    try:
        _at(folder, name, client.connect)
    except BaseException:
        client.close()
        raise
    return client


def _socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)


def _at(folder: Path, name: str, call: Callable[[str], None]) -> None:
    """By the folder's descriptor: a socket's address holds 107 bytes, and folders may be deeper than that."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        call(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)
