"""A page's server: a thread with a loop of its own, so that a browser can never hold the car's loop."""

import asyncio
import contextlib
import hmac
import secrets
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from car.page.message import MOST_BYTES
from errors import UserError


class Server(ABC):
    """Serves until `end`. Only those who have the link, with its token, see or move anything."""

    other_port = "name another under [page] in settings.toml"  # what to do where the port is taken

    def __init__(self, port: int, *, everyone: bool) -> None:
        """port: 0 takes a free one. everyone: from all networks, else from this machine alone. Serving begins at once.

        Raises UserError where the port is taken.
        """
        self.clients: set[object] = set()  # open sockets
        self.token = secrets.token_urlsafe(12)
        try:
            # Bound here, so that a port that is taken is told before anything drives.
            self._sockets = bind_sockets(port, None if everyone else "127.0.0.1")
        except OSError as error:
            raise UserError(
                f"port {port} cannot be had for the page: {error.strerror or error}; end the program that has it, or "
                f"{self.other_port}"
            ) from error
        self.port: int = self._sockets[0].getsockname()[1]
        self._host = _name_on_the_network() if everyone else "127.0.0.1"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="page", daemon=True)
        self.thread.start()
        self._ready.wait()

    @property
    def link(self) -> str:
        """The page's address with the token in it."""
        return f"http://{self._host}:{self.port}/?token={self.token}"

    def knows(self, token: str) -> bool:
        """It is the token, compared in constant time."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    @abstractmethod
    def serving(self) -> AbstractAsyncContextManager[Application]:
        """In the server's thread: what is served, and whatever works for it meanwhile."""

    def end(self) -> None:
        """From another thread: stop serving. Returns at once."""
        if self._ending:
            self._call(self._ending.set)

    def _call(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            if self._loop:
                self._loop.call_soon_threadsafe(function)

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        async with self.serving() as application:
            server = HTTPServer(
                application, max_body_size=MOST_BYTES, max_header_size=16384, idle_connection_timeout=60
            )
            server.add_sockets(self._sockets)
            self._ready.set()
            await self._ending.wait()
        server.stop()
        await server.close_all_connections()


def _name_on_the_network() -> str:
    """The address other machines reach this one by; its name where it has no network yet."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; only chooses the way out
        return str(probe.getsockname()[0])
    return f"{socket.gethostname()}.local"
