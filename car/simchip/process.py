"""The process around the simulated chip: one thread, one log, and whatever fault a test asks for."""

import contextlib
import errno
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from car.local_socket import connect, listen, private_folder
from car.simchip.registers import Registers
from errors import UserError

SOCKET, LOG = "chip.sock", "log.jsonl"
ALONE_S = 60.0  # so long after its last user has gone it is switched off
LARGEST = 1024

# A transaction on the bus: address, bytes to read; then the bytes to write. The answer: errno; then the bytes read.
REQUEST = struct.Struct("<BBH")
TRANSACTION, WISH = 0, 1
ANSWER = struct.Struct("<i")


class Faults:
    """What a test has asked for."""

    def __init__(self) -> None:
        self.nacks = 0  # so many transactions are not acknowledged; -1: none ever again
        self.deaf_until_ns = 0  # no answer before
        self.absent = False

    def wish(self, wanted: dict[str, Any], now_ns: int) -> None:
        """{"nacks": n} (-1 for ever), {"hang_s": s}, {"absent": bool}."""
        self.nacks = int(wanted.get("nacks", self.nacks))
        self.absent = bool(wanted.get("absent", self.absent))
        if "hang_s" in wanted:
            self.deaf_until_ns = now_ns + int(1e9 * wanted["hang_s"])

    def error(self) -> int:
        """The errno of this transaction; 0 where it goes well."""
        if self.absent:
            return errno.EREMOTEIO
        if self.nacks:
            self.nacks -= self.nacks > 0
            return errno.EREMOTEIO
        return 0


class Process:
    """Serves the bus until it was alone for a while."""

    def __init__(self, folder: Path, address: int, alone_s: float) -> None:
        self._address, self._alone_s = address, alone_s
        self._registers, self._faults = Registers(), Faults()
        self._server = listen(folder, SOCKET)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)
        self._log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._users = 0

    def serve(self) -> None:
        """Until nobody has been connected for alone_s."""
        while ready := self._selector.select(None if self._users else self._alone_s):
            for key, _ in ready:
                if key.fileobj is self._server:
                    connection, _ = self._server.accept()
                    self._selector.register(connection, selectors.EVENT_READ)
                    self._users += 1
                else:
                    assert isinstance(key.fileobj, socket.socket)  # noqa: S101 - nothing else was registered
                    self._answer(key.fileobj)

    def _answer(self, connection: socket.socket) -> None:
        try:
            packet = connection.recv(LARGEST)
        except OSError:
            packet = b""
        if len(packet) < REQUEST.size:
            self._selector.unregister(connection)
            connection.close()
            self._users -= 1
            return
        kind, address, length = REQUEST.unpack_from(packet)
        data = packet[REQUEST.size :]
        if kind == WISH:
            wanted = json.loads(data)
            self._faults.wish(wanted, time.monotonic_ns())
            self._write_log({"wish": wanted})
            answer = ANSWER.pack(0) + bytes(self._registers.bytes)
        else:
            deaf_ns = self._faults.deaf_until_ns - time.monotonic_ns()
            if deaf_ns > 0:  # the bus hangs: this transaction never happens
                time.sleep(deaf_ns / 1e9)
                return
            answer = self._transaction(address, data, length)
        with contextlib.suppress(OSError):  # whoever asked is dead; what it wrote stands
            connection.send(answer, socket.MSG_NOSIGNAL)

    def _transaction(self, address: int, data: bytes, length: int) -> bytes:
        wrong = errno.EREMOTEIO if address != self._address else self._faults.error()
        if wrong:
            self._write_log({"refused": data.hex()})
            return ANSWER.pack(wrong)
        self._registers.write(data)
        if len(data) > 1:
            self._write_log({"write": data.hex()})
        return ANSWER.pack(0) + self._registers.read(length)

    def _write_log(self, entry: dict[str, Any]) -> None:
        line = json.dumps({"t_ns": time.monotonic_ns(), **entry}) + "\n"
        with contextlib.suppress(OSError):  # a full disk does not break a chip
            os.write(self._log, line.encode())


def start(folder: Path, *, alone_s: float = ALONE_S) -> None:
    """Switch the chip on, unless it is on. It lives in a session of its own: what ends its starter does not end it.

    Raises UserError where it does not start.
    """
    private_folder(folder)
    with contextlib.suppress(OSError):
        connect(folder, SOCKET).close()
        return
    command = [sys.executable, "-m", "car.simchip", str(folder.resolve()), "--alone-s", str(alone_s)]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command,
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    with process.stdout as out:
        if not out.readline():
            raise UserError(f"the simulated chip in {folder} did not start; its message is above")


def main(folder: Path, address: int, alone_s: float) -> None:
    """The process's own main; says so on stdout once it is on, and nothing more."""
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    chip = Process(private_folder(folder), address, alone_s)
    print("on", flush=True)
    with contextlib.suppress(OSError):  # where the system allows it: a chip does not wait for a CPU
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(20))
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):  # whoever reads a pipe to its end must not wait for the chip
        os.dup2(null, stream.fileno())
    chip.serve()
