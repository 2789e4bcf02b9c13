"""The trainer's end: asks a launcher for simulators, and keeps them while it lives."""

import contextlib
import socket
import threading
import time
from typing import NamedTuple, Self, TypeVar

from errors import UserError
from sim_bridge.launcher import messages
from sim_bridge.launcher.messages import BadMessage
from sim_bridge.launcher.secret import VARIABLE, key_of, shared_secret
from sim_bridge.launcher.server import PORT
from sim_bridge.launcher.session import Session, new_nonce

ANSWER_S = 20.0  # ending a simulator that does not want to takes 3
MOST_PING_S = 20.0  # from ping to ping, or a fifth of the time after which the launcher gives a client up

R = TypeVar("R", bound=messages.Reply)


class LauncherError(UserError):
    """The launcher cannot be reached, or refuses. One line: the cause and the remedy."""


class Address(NamedTuple):
    """Of a simulator."""

    host: str
    port: int


class Client:
    """As a context manager: the simulators end with the block. They end too when this process does, of whatever."""

    def __init__(self, host: str = "localhost", port: int = PORT, secret: str | None = None) -> None:
        """Connected. secret: by default the environment's PS. Raises UserError where there is none, LauncherError."""
        self._host, self._port, self._key = host, port, key_of(secret or shared_secret())
        self._lock = threading.Lock()  # one request at a time
        self._wire: _Wire | None = None
        self._own: list[Address] = []
        self._closing = threading.Event()
        self._period_s = self._connected().period_s
        threading.Thread(target=self._keep, name="launcher pings", daemon=True).start()

    @property
    def simulators(self) -> tuple[Address, ...]:
        """This client's that ran when the launcher last said so; it is asked every few seconds."""
        return tuple(self._own)

    def request_simulator(self) -> Address:
        """A simulator that answers there. Connects again where the connection was lost, with which all earlier
        simulators have ended. Raises LauncherError: unreachable, none free, or it does not start."""
        with self._lock:
            address = Address(self._host, self._ask(messages.Start(), messages.Started).port)
            self._own.append(address)
            return address

    def ping(self) -> tuple[Address, ...]:
        """Of this client's simulators those that run. Called every few seconds anyway. Raises LauncherError."""
        with self._lock:
            ports = self._ask(messages.Ping(), messages.Living).ports
            self._own = [Address(self._host, port) for port in ports]
            return tuple(self._own)

    def kill_sim(self, simulator: Address | None = None) -> None:
        """End this one, or all of this client's, and wait for it. Raises LauncherError."""
        for address in self.ping() if simulator is None else [simulator]:
            with self._lock:
                self._ask(messages.Kill(port=address.port), messages.Killed)
                self._own = [own for own in self._own if own != address]

    def status(self) -> messages.Report:
        """All of the launcher's simulators. Raises LauncherError."""
        with self._lock:
            return self._ask(messages.Status(), messages.Report)

    def close(self) -> None:
        """The launcher ends this client's simulators."""
        self._closing.set()
        with self._lock:
            self._hang_up()

    def _ask(self, request: messages.Request, answer: type[R]) -> R:
        """The answer of that kind. Raises LauncherError. Called with the lock held."""
        try:
            reply = self._connected().ask(request)
        except (OSError, EOFError, BadMessage) as error:
            self._hang_up()
            raise LauncherError(f"{self} is gone, and the simulators it gave with it: {_cause(error)}") from error
        if isinstance(reply, messages.Refused):
            raise LauncherError(f"{self} refuses: {reply.why}")
        if not isinstance(reply, answer):
            self._hang_up()
            raise LauncherError(f"{self} answers {reply.says} to {request.says}")
        return reply

    def _connected(self) -> "_Wire":
        if self._closing.is_set():
            raise LauncherError(f"this client of {self} is closed")
        if self._wire is None:
            try:
                self._wire = _Wire(self._host, self._port, self._key)
            except _TurnedAway as error:
                raise LauncherError(f"{self} refuses: {error}; PS must be the same on both computers") from error
            except BadMessage as error:
                raise LauncherError(f"what answers at {self} is no launcher with this {VARIABLE}: {error}") from error
            except (OSError, EOFError) as error:
                raise LauncherError(
                    f"{self} does not answer: {_cause(error)}; is  manage.py sim launcher  running there, "
                    "with a --host that can be reached from here?"
                ) from error
        return self._wire

    def _hang_up(self) -> None:
        self._own = []
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _keep(self) -> None:
        """A thread: a ping now and then, unless the connection is lost."""
        while not self._closing.wait(self._period_s):
            if self._wire is not None:
                with contextlib.suppress(LauncherError):  # whoever asks for a simulator next is told
                    self.ping()

    def __str__(self) -> str:
        return f"the launcher at {self._host}:{self._port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _TurnedAway(Exception):
    """The launcher has said why, without a signature."""


class _Wire:
    """A connection on which both sides have shown that they have the secret."""

    def __init__(self, host: str, port: int, key: bytes) -> None:
        """Raises OSError, EOFError, BadMessage, _TurnedAway."""
        self._socket = socket.create_connection((host, port), ANSWER_S)
        self._came = b""  # behind the last line
        try:
            greeting = messages.read_greeting(self._line(ANSWER_S))
            if isinstance(greeting, messages.Refused):
                raise _TurnedAway(greeting.why)
            nonce = new_nonce()
            self._session = Session("client", key, greeting.nonce, nonce)
            hello = messages.line(messages.Answer(nonce=nonce)) + self._session.sign(messages.Hello())
            self._socket.sendall(hello)
            line = self._line(ANSWER_S)
            if line.startswith(b"{"):  # not signed
                refused = messages.read_greeting(line)
                raise _TurnedAway(refused.why if isinstance(refused, messages.Refused) else "a second greeting")
            welcome = messages.read_reply(self._session.check(line))
            if not isinstance(welcome, messages.Welcome):
                raise BadMessage(f"{welcome.says} instead of a welcome")
            self.period_s = min(MOST_PING_S, welcome.idle_s / 5)
            self._start_s = welcome.start_s
        except BaseException:
            self.close()
            raise

    def ask(self, request: messages.Request) -> messages.Reply:
        """Raises OSError (TimeoutError too), EOFError, BadMessage; the connection is of no use then."""
        timeout_s = ANSWER_S + (self._start_s if isinstance(request, messages.Start) else 0)
        self._socket.settimeout(ANSWER_S)
        self._socket.sendall(self._session.sign(request))
        return messages.read_reply(self._session.check(self._line(timeout_s)))

    def close(self) -> None:
        self._socket.close()

    def _line(self, timeout_s: float) -> bytes:
        """The next, without its end."""
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self._came:
            if len(self._came) > messages.LONGEST:
                raise BadMessage("an endless message")
            self._socket.settimeout(max(1e-3, deadline_s - time.monotonic()))
            piece = self._socket.recv(4096)
            if not piece:
                raise EOFError
            self._came += piece
        line, _, self._came = self._came.partition(b"\n")
        return line


def _cause(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return str(error.strerror or error)
    return str(error) or "it has closed the connection"
