"""The launcher. A simulator belongs to the connection of the client that asked for it: it ends with that, or when
nothing was heard there for `idle_s`."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

from errors import UserError
from settings import PROJECT
from sim_bridge.launcher import messages
from sim_bridge.launcher.connection import Connection
from sim_bridge.launcher.messages import BadMessage
from sim_bridge.launcher.secret import key_of, shared_secret
from sim_bridge.launcher.simulators import PRIVATE_PORT, NoSimulator, Simulators
from sim_bridge.launcher.strikes import Recent, Strikes

HOST, PORT = "127.0.0.1", 9082
FIRST_PORT, MOST = 9093, 20
IDLE_S, START_S = 600.0, 60.0
MOST_CONNECTIONS = 256
MOST_STRANGERS, MOST_OF_AN_ADDRESS = 64, 32  # connections that have not shown yet that they have the secret
MOST_REQUESTS, REQUESTS_S = 50, 1.0  # of one client: so many in so many seconds are a flood
MOST_REFUSALS, REFUSALS_S = 30, 60.0  # that are told: a flood does not fill a disk


class Server:
    """Takes connections from its construction on, and serves them while it runs."""

    def __init__(
        self,
        host: str = HOST,
        port: int = PORT,
        *,
        most: int = MOST,
        first_port: int = FIRST_PORT,
        idle_s: float = IDLE_S,
        start_s: float = START_S,
        sim_path: str | None = None,
        secret: str | None = None,
        lockstep: bool = False,
    ) -> None:
        """host: an address of this computer's to listen on, and for the simulators; "0.0.0.0" for all of them.
        port: 0 for any. most: simulators at once, on the ports from first_port on. start_s: one that does not answer
        for so long is given up. sim_path, secret: by default the environment's SIM_PATH and PS; without a SIM_PATH
        `manage.py sim serve` is started, with its --lockstep where that is wanted.

        Raises UserError: no secret, no such simulator, a port that is taken, numbers that make no sense.
        """
        command = _command(sim_path or os.environ.get("SIM_PATH", ""), lockstep=lockstep)
        self._key = key_of(secret or shared_secret())
        self._host, self._idle_s, self._most = numeric(host), idle_s, most
        self._welcome = messages.Welcome(idle_s=idle_s, start_s=start_s)
        if not 1 <= most <= messages.MOST_SIMULATORS:
            raise UserError(f"a launcher has 1 to {messages.MOST_SIMULATORS} simulators, not {most}")
        if not 1 <= first_port <= 65_533 - most:
            raise UserError(f"{most} simulators from port {first_port} on reach beyond port 65535; start lower")
        self._socket = self._listen(port)
        self.port: int = self._socket.getsockname()[1]
        candidates = range(first_port, first_port + most + 2)
        self.ports = tuple([p for p in candidates if p not in (self.port, PRIVATE_PORT)][:most])
        self._simulators = Simulators(command, self._host, self.ports, start_s, say)
        self._clients: dict[Connection, asyncio.Task[None]] = {}
        self._strikes = Strikes()
        self._refused, self._told = 0, Recent(MOST_REFUSALS, REFUSALS_S)

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP. In the main thread."""

        async def until_told() -> None:
            ending, loop = asyncio.Event(), asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, ending.set)
            await self.serve(ending)

        asyncio.run(until_told())

    async def serve(self, ending: asyncio.Event) -> None:
        """Until `ending` is set; then no simulator is left."""
        server = await asyncio.start_server(self._on_connection, sock=self._socket, limit=messages.LONGEST)
        say(f"listening on {self._host}:{self.port}; simulators on ports {self.ports[0]} to {self.ports[-1]}")
        try:
            await ending.wait()
        finally:
            server.close()
            tasks = list(self._clients.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._simulators.end_all()

    def _listen(self, port: int) -> socket.socket:
        try:
            return socket.create_server((self._host, port), backlog=128)
        except OSError as error:
            raise UserError(
                f"port {port} of {self._host} cannot be had for the launcher: {error.strerror}; "
                "end the program that has it, or take another with --port"
            ) from error

    def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Connection(reader, writer)
        self._clients[client] = asyncio.create_task(self._converse(client, self._too_many(client)))

    async def _converse(self, client: Connection, too_many: str) -> None:
        """From the first word to the last; then the client's simulators end."""
        try:
            if too_many:
                self._refuse(client, too_many)
                await client.turn_away(too_many)
                return
            await client.greet(self._key, self._welcome)
            await self._answer_all(client)
        except BadMessage as error:
            self._strikes.add(client.address)
            self._refuse(client, str(error))
        except EOFError:
            if client.stranger:
                self._strikes.add(client.address)
                self._refuse(client, "gone before it has shown that it has the secret")
            elif client.simulators:
                say(f"{client.name} is gone; its simulators end")
        finally:
            del self._clients[client]
            for simulator in client.simulators.values():
                simulator.end()
            client.close()

    def _too_many(self, client: Connection) -> str:
        """Why this one is not listened to; '' where it is."""
        strangers = [other.address for other in self._clients if other.stranger]
        if self._strikes.out(client.address):
            return f"too many failures from {client.address}; wait a minute"
        if (
            len(self._clients) >= MOST_CONNECTIONS
            or len(strangers) >= MOST_STRANGERS
            or strangers.count(client.address) >= MOST_OF_AN_ADDRESS
        ):
            return "too many connections at once; try again in a few seconds"
        return ""

    def _refuse(self, client: Connection, why: str) -> None:
        self._refused += 1
        if not self._told.full:
            self._told.add()
            say(f"refused {client.name}: {why} ({self._refused} refused so far)")

    async def _answer_all(self, client: Connection) -> None:
        """One request at a time, until the client is silent for too long. Raises BadMessage, EOFError."""
        recent = Recent(MOST_REQUESTS, REQUESTS_S)
        listening = asyncio.create_task(client.request())
        try:
            while True:
                try:
                    async with asyncio.timeout(self._idle_s):
                        request = await listening
                except TimeoutError:
                    say(f"{client.name} was silent for {self._idle_s:g} s; its simulators end")
                    return
                if recent.full:
                    raise BadMessage(f"a flood: {MOST_REQUESTS} requests within {REQUESTS_S:g} s")
                recent.add()
                listening = asyncio.create_task(client.request())
                answering = asyncio.create_task(self._answer(client, request))
                try:
                    # both: a client that is gone is noticed while its simulator starts
                    await asyncio.wait({answering, listening}, return_when=asyncio.FIRST_COMPLETED)
                    if not answering.done():
                        await listening  # raises where the client is gone
                        raise BadMessage("a request before the last one was answered")
                    await client.reply(answering.result())
                finally:
                    answering.cancel()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _answer(self, client: Connection, request: messages.Request) -> messages.Reply:
        own = client.simulators
        gone = [port for port, simulator in own.items() if simulator.ended.is_set()]
        for port in gone:
            del own[port]
        match request:
            case messages.Start():
                try:
                    simulator = await self._simulators.start()
                except NoSimulator as error:
                    say(f"no simulator for {client.name}: {error}")
                    return messages.Refused(why=str(error))
                own[simulator.port] = simulator
                say(f"a simulator for {client.name} on port {simulator.port}")
                return messages.Started(port=simulator.port)
            case messages.Ping():
                return messages.Living(ports=tuple(sorted(own)))
            case messages.Kill(port=port):
                if port not in own and port not in gone:
                    return messages.Refused(why=f"this client has no simulator on port {port}")
                if port in own:  # else it has ended by itself, since the client asked what it has
                    own[port].end()
                    await own[port].ended.wait()
                    del own[port]
                    say(f"{client.name} has ended its simulator on port {port}")
                return messages.Killed(port=port)
            case messages.Status():
                return self._report()
            case _:
                raise BadMessage("hello again")

    def _report(self) -> messages.Report:
        now_s = time.monotonic()
        owners = {simulator: client for client in self._clients for simulator in client.simulators.values()}
        slots = []
        for port, simulator in sorted(self._simulators.running.items()):
            owner = owners.get(simulator)
            slots.append(
                messages.Slot(
                    port=port,
                    state="ending" if simulator.ending else "running" if simulator.answers else "starting",
                    client=owner.name if owner else "",
                    age_s=now_s - simulator.since_s,
                    silent_s=now_s - owner.heard_s if owner else 0.0,
                )
            )
        return messages.Report(
            most=self._most, started=self._simulators.started, refused=self._refused, slots=tuple(slots)
        )


def say(line: str) -> None:
    """To the launcher's terminal, or log; a closed terminal does not end the launcher."""
    with contextlib.suppress(OSError, ValueError):
        print(f"{time.strftime('%H:%M:%S')} launcher: {line}", file=sys.stderr, flush=True)


def numeric(host: str) -> str:
    """The IPv4 address of a name: DonkeySim takes no other. Raises UserError."""
    try:
        return str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise UserError(f"{host} is no IPv4 address of this computer; try 127.0.0.1 or 0.0.0.0") from error


def _command(sim_path: str, *, lockstep: bool) -> list[str]:
    """What starts a simulator, without --host and --port. Raises UserError."""
    if not sim_path:
        manage = [sys.executable, str(PROJECT / "manage.py"), "sim", "serve"]
        return [*manage, "--lockstep"] if lockstep else manage
    if lockstep:
        raise UserError("--lockstep is for our own simulator; leave it out, or unset SIM_PATH")
    program = shutil.which(Path(sim_path).expanduser())
    if program is None:
        raise UserError(f"SIM_PATH names no program that can be run: {sim_path}; mend it, or type  unset SIM_PATH")
    return [str(Path(program).resolve())]
