"""What the server answers. The addresses and messages are donkeycar's (/drive, /wsDrive, /video), behind a token."""

import asyncio
import contextlib
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tornado.iostream import StreamClosedError
from tornado.web import Application, HTTPError, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from car.page.budget import Budget
from car.page.message import MOST_BYTES, Refused, parse

if TYPE_CHECKING:
    from car.page.server import Server

MOST_CLIENTS = 12  # sockets, and again video streams
STATE_PERIOD_S = 0.1
SEND_TIMEOUT_S = 5.0  # a viewer that takes nothing for so long is gone
SEND_BUFFER_BYTES = 16384  # of the system, per viewer: a slow link shows few pictures, not old ones
BOUNDARY = b"--boundarydonotcross"
NO_TOKEN = "This page needs the link that the program printed when it started, with its token.\n"  # noqa: S105


def application(server: "Server", static: Path) -> Application:
    """Every address of the page."""
    ours = {"server": server}
    page = (static / "index.html").read_bytes()
    return Application(
        [
            ("/", _Page, ours | {"page": page}),
            ("/drive", _Page, ours | {"page": page}),
            ("/wsDrive", _Socket, ours),
            ("/video", _Video, ours),
            ("/static/(.*)", _Static, {"path": str(static)}),
        ],
        log_function=lambda _handler: None,  # tornado's would write addresses, and so the token
        websocket_max_message_size=MOST_BYTES,
        websocket_ping_interval=5,
        websocket_ping_timeout=5,
    )


class _Guarded(RequestHandler):
    """Nothing without the token: in the address, or in the cookie that the page left."""

    def initialize(self, server: "Server", **_more: Any) -> None:
        self.server = server

    @property
    def _cookie_name(self) -> str:
        return f"token_{self.server.port}"  # browsers don't tell the ports of a host apart

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header(
            "Content-Security-Policy",
            "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'none'",
        )
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("X-Content-Type-Options", "nosniff")

    def prepare(self) -> None:
        if not self.server.knows(self.get_query_argument("token", None) or self.get_cookie(self._cookie_name) or ""):
            raise HTTPError(403)
        origin = self.request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() != self.request.headers.get("Host", "").lower():
            raise HTTPError(403)  # a page of somebody else's, in the browser of one who has the cookie

    def write_error(self, status_code: int, **_more: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(NO_TOKEN if status_code == 403 else f"{status_code}\n")


class _Page(_Guarded):
    def initialize(self, server: "Server", page: bytes) -> None:  # type: ignore[override]
        super().initialize(server)
        self._page = page

    def get(self) -> None:
        self.set_cookie(self._cookie_name, self.server.token, httponly=True, samesite="Strict")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(self._page)

    def post(self) -> None:
        """donkeycar's: one message as the body. Its sender drives for as long as the next one follows in time."""
        shared, affordable = self.server.shared, self.server.posts.spend()
        try:
            message = parse(self.request.body)
        except Refused as error:
            shared.refused += 1
            raise HTTPError(400) from error
        if not affordable and not message.stop:
            shared.refused += 1
            raise HTTPError(429)
        if not shared.hear(("post", self.request.remote_ip), message):
            raise HTTPError(409)
        self.write({})


class _Socket(_Guarded, WebSocketHandler):
    """One browser: says where to go, hears how the car is."""

    async def get(self, *args: Any, **kwargs: Any) -> None:
        if len(self.server.clients) >= MOST_CLIENTS:
            raise HTTPError(503)
        await super().get(*args, **kwargs)

    def open(self, *_args: str, **_kwargs: str) -> None:
        self.server.clients.add(self)
        self._budget = Budget()
        self._telling = asyncio.create_task(self._tell())

    def on_message(self, message: str | bytes) -> None:
        shared, affordable = self.server.shared, self._budget.spend()
        try:
            heard = parse(message)
        except Refused:
            shared.refused += 1
        else:
            if affordable or heard.stop:  # a STOP is never too much
                shared.hear(self, heard)
            else:
                shared.refused += 1
        if self._budget.flooded:
            self.close(1008, "too many messages")

    def on_close(self) -> None:
        self.server.shared.seat.leave(self)
        self.server.clients.discard(self)
        self._telling.cancel()

    async def _tell(self) -> None:
        """The car's state, again and again, at most as fast as it is taken."""
        with contextlib.suppress(WebSocketClosedError, StreamClosedError):
            while True:
                await self.write_message(json.dumps(self._state()))
                await asyncio.sleep(STATE_PERIOD_S)

    def _state(self) -> dict[str, Any]:
        shared = self.server.shared
        shown, command = shared.shown, shared.seat.command()
        driver = "pad" if shown.pad_drives else "nobody" if command is None else "other"
        return {
            "driveMode": shown.mode,  # this and the next two: donkeycar's names
            "recording": shown.recording,
            "num_records": shown.records,
            "armed": shown.armed,
            "stopped": shown.stopped,
            "driver": "you" if command and command.who is self else driver,
            "steering": round(shown.steering, 3),
            "throttle": round(shown.throttle, 3),
            "reason": shown.reason,
            "note": shown.note,
            "refused": shared.refused,
            "label": self.server.label,
            "throttle_cap": self.server.throttle_cap,
        }


class _Video(_Guarded):
    """MJPEG, as donkeycar sends it; each picture once, the next when this one is taken."""

    _sending: asyncio.Task[Any] | None = None

    async def get(self) -> None:
        pictures = self.server.pictures
        if pictures.viewers >= MOST_CLIENTS:
            raise HTTPError(503)
        self.set_header("Content-Type", f"multipart/x-mixed-replace;boundary={BOUNDARY.decode()}")
        stream = getattr(self.request.connection, "stream", None)
        if stream is not None:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._sending = asyncio.current_task()
        pictures.enter()
        try:
            number = 0
            while True:
                number, jpeg = await pictures.after(number)
                self.write(BOUNDARY + b"\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
                self.write(jpeg + b"\r\n")
                await asyncio.wait_for(self.flush(), SEND_TIMEOUT_S)
        except (StreamClosedError, TimeoutError, asyncio.CancelledError):
            if stream is not None:
                stream.close()
        finally:
            pictures.leave()

    def on_connection_close(self) -> None:
        """The viewer is gone, maybe while there is no new frame to notice it with."""
        super().on_connection_close()
        if self._sending:
            self._sending.cancel()


class _Static(StaticFileHandler):
    """Scripts and styles hold no secrets, and need no token."""

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
