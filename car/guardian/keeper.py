"""Starts a guardian where systemd does not, and starts it again, at once, when it dies."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from car.guardian.chip import ServosTaken
from car.guardian.client import Client
from car.guardian.process import BUS_FAILED, DONE, TAKEN
from car.guardian.pulses import Servos
from car.local_socket import private_folder
from errors import UserError
from settings import PROJECT

START_S = 5.0
LAST_ONE_LEAVES_S = 2.0  # how long a guardian whose driver was killed may still hold the bus
FAST_DEATHS = 5  # in a row, each within a second of its start: then it is not chance


@dataclass(frozen=True)
class WantedGuardian:
    """The guardian that is needed."""

    folder: Path  # where its socket is
    bus: str  # as car.guardian.chip.open_bus takes it
    servos: Servos
    deadman_s: float
    calibrating: bool = False


class Keeper:
    """A guardian of our own: it ends with this program, however that ends."""

    def __init__(self, wanted: WantedGuardian) -> None:
        """Started; neutral stands in the chip. Raises UserError with the guardian's own complaint."""
        self._wanted = wanted
        self._closing = False
        self.restarts = 0
        self.failure = ""  # why there is no guardian, and will not be
        self._process = self._start()
        self._thread = threading.Thread(target=self._watch, name="guardian keeper", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """One that hangs: the next one starts with neutral."""
        self._process.kill()

    def close(self) -> None:
        """After the client has closed its end, which ends the guardian."""
        self._closing = True
        try:
            self._process.wait(START_S)
        except subprocess.TimeoutExpired:  # it is trying to write neutral: leave it to that
            self._process.terminate()

    def _start(self) -> subprocess.Popen[bytes]:
        wanted = self._wanted
        reader, writer = os.pipe()
        command = [sys.executable, "-m", "car.guardian", "--one-driver", "--ready-fd", str(writer)]
        command += ["--folder", str(private_folder(wanted.folder).resolve()), "--bus", wanted.bus]
        command += ["--servos", json.dumps(asdict(wanted.servos)), "--deadman-ms", str(round(1000 * wanted.deadman_s))]
        if wanted.calibrating:
            command.append("--calibrating")
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program
                command, cwd=PROJECT, stdin=subprocess.DEVNULL, pass_fds=[writer], start_new_session=True
            )
        finally:
            os.close(writer)
        with os.fdopen(reader) as pipe:
            word = pipe.read()
        if word == "ready":
            return process
        if process.wait(START_S) == TAKEN:
            raise ServosTaken(word)
        raise UserError(word or f"the guardian ended with code {process.returncode} before it was ready")

    def _watch(self) -> None:
        """A thread that sleeps until the guardian ends."""
        deaths = 0
        while True:
            started = time.monotonic()
            code = self._process.wait()
            if self._closing or code == DONE:
                return
            if code == BUS_FAILED:
                self.failure = "the I2C bus failed, twice in a row: check the wires and the power of the servo board"
                return
            deaths = deaths + 1 if time.monotonic() - started < 1 else 0
            if deaths >= FAST_DEATHS:
                self.failure = f"the guardian dies as soon as it starts (code {code})"
                return
            try:
                self._process = self._start()
            except UserError as error:
                self.failure = str(error)
                return
            self.restarts += 1


def find_or_start(wanted: WantedGuardian) -> tuple[Client, Keeper | None]:
    """Connected to the guardian that runs already, or to a new one, which is then kept alive.

    Raises ServosTaken where another program has the servos, UserError where no guardian can start.
    """
    private_folder(wanted.folder)
    deadline = time.monotonic() + LAST_ONE_LEAVES_S
    while True:
        try:
            return Client(wanted.folder), None
        except OSError:
            pass  # nobody listens
        try:
            keeper = Keeper(wanted)
        except ServosTaken:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
            continue
        return Client(wanted.folder), keeper
