"""The launcher's simulators, each on a port of its own.

Lives in one asyncio loop. A simulator's slot is taken from the moment it is started until nothing of it is left.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from sim_bridge.launcher.secret import VARIABLE

WARDEN = [sys.executable, "-I", "-S", str(Path(__file__).with_name("warden.py"))]
LOOK_AGAIN_S = 0.1  # while a simulator starts
FIRST_WORD_S = 5.0  # a simulator that takes connections says something at once
LONGEST_FIRST_WORD = 65_536  # bytes
WARDEN_HANGS_S = 15.0  # after it was told to end its simulator; it allows that 3 s
PRIVATE_PORT = 9092  # each of Unity's simulators tries to listen there too

Say = Callable[[str], None]


class NoSimulator(Exception):
    """There is none to be had now. The message goes to the client."""


class Simulator:
    """One that was started, with its warden."""

    def __init__(self, port: int, warden: subprocess.Popen[bytes]) -> None:
        self.port, self._warden = port, warden
        self.since_s = time.monotonic()
        self.answers = False  # it has come up
        self.ending = False  # it was told to end
        self.ended = asyncio.Event()  # nothing of it is left
        self.code: int | None = None  # its exit code then
        self._descriptor = os.pidfd_open(warden.pid)
        asyncio.get_running_loop().add_reader(self._descriptor, self._on_end)

    def end(self) -> None:
        """Tell it to. `ended` is set when it has."""
        if self.ending or self.ended.is_set():
            return
        self.ending = True
        assert self._warden.stdin is not None  # noqa: S101 - a pipe was asked for
        self._warden.stdin.close()
        asyncio.get_running_loop().call_later(WARDEN_HANGS_S, self._kill)

    def _kill(self) -> None:
        """Warden, simulator, and what of it stayed in their process group."""
        if not self.ended.is_set():
            os.killpg(self._warden.pid, signal.SIGKILL)

    def _on_end(self) -> None:
        """The warden is dead. Where it was killed, so is the simulator, and this kills what that had started."""
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._warden.pid, signal.SIGKILL)  # before `wait`: until then the number is its own
        self.code = self._warden.wait()
        if self._warden.stdin is not None:
            self._warden.stdin.close()
        self.ended.set()


class Simulators:
    """All of them."""

    def __init__(self, command: list[str], host: str, ports: Iterable[int], start_s: float, say: Say) -> None:
        """command: started as `command --host HOST --port N`; host: a numeric IPv4 address; start_s: a simulator that
        does not answer within so many seconds is ended."""
        self._command, self._host, self._start_s, self._say = command, host, start_s, say
        self._environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        self._ports = list(
            ports
        )  # the next one to be used first: Unity may not get one back for a minute after a connection
        self.running: dict[int, Simulator] = {}
        self.started = 0

    async def start(self) -> Simulator:
        """One that answers. Raises NoSimulator; one that does not come up, or whose start is cancelled, is ended."""
        try:
            port = self._free_port()
            command = [*WARDEN, *self._command, "--host", self._host, "--port", str(port)]
            warden = subprocess.Popen(  # noqa: S603 - what the person who started the launcher named
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,  # a terminal's signals are for the launcher
            )
            simulator = self.running[port] = Simulator(port, warden)
        except OSError as error:  # too many processes, or open files
            raise NoSimulator(f"no process can be started there: {error.strerror}") from error
        self.started += 1
        asyncio.create_task(self._forget(simulator))  # noqa: RUF006 - `running` keeps what it waits for
        try:
            await self._until_it_answers(simulator)
        except BaseException:
            simulator.end()
            raise
        simulator.answers = True
        return simulator

    async def end_all(self) -> None:
        """Returns when nothing of them is left."""
        while self.running:
            simulators = list(self.running.values())
            for simulator in simulators:
                simulator.end()
            for simulator in simulators:
                await simulator.ended.wait()
                self.running.pop(simulator.port, None)

    def _free_port(self) -> int:
        """Raises NoSimulator."""
        free = [port for port in self._ports if port not in self.running]
        if not free:
            raise NoSimulator(
                f"all {len(self._ports)} simulators are taken; end one, or start the launcher with more --most"
            )
        for port in free:
            if _nobody_listens(port):
                self._ports.remove(port)
                self._ports.append(port)
                return port
            self._say(f"port {port} is taken by another program; no simulator is started there")
        raise NoSimulator(
            f"other programs have the ports of the {len(free)} simulators that are free; take others with --first-port"
        )

    async def _until_it_answers(self, simulator: Simulator) -> None:
        """Raises NoSimulator."""
        answering = asyncio.create_task(self._answers(simulator.port))
        ending = asyncio.create_task(simulator.ended.wait())
        try:
            await asyncio.wait({answering, ending}, timeout=self._start_s, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                raise NoSimulator(
                    f"the simulator ended with code {simulator.code} before it answered; "
                    "what it complained of is in the launcher's terminal"
                )
            if not answering.done():
                raise NoSimulator(f"the simulator did not answer on port {simulator.port} within {self._start_s:g} s")
        finally:
            answering.cancel()
            ending.cancel()

    async def _answers(self, port: int) -> None:
        """Returns when something that speaks DonkeySim's protocol listens there: a simulator speaks first."""
        host = "127.0.0.1" if self._host == "0.0.0.0" else self._host  # noqa: S104 - compared, not bound
        while True:
            with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
                async with asyncio.timeout(FIRST_WORD_S):
                    reader, writer = await asyncio.open_connection(host, port, limit=LONGEST_FIRST_WORD)
                    try:
                        word = json.loads(await reader.readuntil(b"\n"))
                    finally:
                        writer.close()
                    if isinstance(word, dict) and "msg_type" in word:
                        return
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _forget(self, simulator: Simulator) -> None:
        await simulator.ended.wait()
        self.running.pop(simulator.port, None)
        if not simulator.ending:
            self._say(f"the simulator on port {simulator.port} ended by itself, with code {simulator.code}")


def _nobody_listens(port: int) -> bool:
    """On any of this machine's addresses."""
    with socket.socket() as probe:
        # What is left of old connections does not count, and is no obstacle to the simulator either
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
            probe.listen()
        except OSError:
            return False
    return True
