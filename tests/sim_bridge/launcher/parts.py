"""What the launcher's tests share: stand-ins for simulators, free ports, and what is left when all has ended."""

import contextlib
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sim_bridge.launcher.messages import Answer, Greeting, Hello, line, read_greeting, read_reply
from sim_bridge.launcher.secret import key_of
from sim_bridge.launcher.session import Session, new_nonce

SECRET = "a secret of the tests"  # noqa: S105 - it opens nothing


class StandIn:
    """A program for SIM_PATH; see stand_in.py."""

    def __init__(self, folder: Path, how: str = "well") -> None:
        self._pids = folder / f"{how}.pids"
        self._pids.touch()
        self.program = folder / f"{how}.sh"
        stand_in = Path(__file__).with_name("stand_in.py")
        command = shlex.join([sys.executable, "-I", "-S", str(stand_in), "--how", how, "--pids", str(self._pids)])
        self.program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        self.program.chmod(0o755)

    def all(self) -> list[int]:
        """Every process that any of these simulators ever was."""
        return [int(pid) for pid in self._pids.read_text().split()]

    def living(self) -> list[int]:
        return [pid for pid in self.all() if lives(pid)]


def lives(pid: int) -> bool:
    """It runs: it is not one that only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def free_ports(count: int) -> int:
    """The first of so many neighbouring ports that nobody has, and nobody is given by chance."""
    for first in range(20_000 + 37 * os.getpid() % 8000, 32_000, count + 3):
        if all(map(_free, range(first, first + count))):
            return first
    raise AssertionError("no free ports")


class Raw:
    """A connection to a launcher that sends whatever it is told to, from whichever of this machine's addresses."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10, source_address=(address, 0))
        self.lines = self.socket.makefile("rb")

    def line(self) -> bytes:
        """The next, without its end; b'' where there is none."""
        try:
            return self.lines.readline().rstrip(b"\n")
        except ConnectionResetError:
            return b""

    def send(self, data: bytes) -> None:
        """It may have been cut off before."""
        with contextlib.suppress(OSError):
            self.socket.sendall(data)

    def greet(self, secret: str = SECRET) -> Session:
        """The greeting, to its end where the secret is right."""
        nonce = new_nonce()
        self.greeting = read_greeting(self.line())
        assert isinstance(self.greeting, Greeting)
        session = Session("client", key_of(secret), self.greeting.nonce, nonce)
        self.said = line(Answer(nonce=nonce)) + session.sign(Hello())
        self.send(self.said)
        if secret == SECRET:
            self.welcome = self.line()
            read_reply(session.check(self.welcome))
        return session

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    """False where it does not come true."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
