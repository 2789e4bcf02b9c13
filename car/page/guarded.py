"""What every address of a page asks for before it answers: the token, and that no other page is asking."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tornado.web import Application, HTTPError, RequestHandler, StaticFileHandler

from car.page.message import MOST_BYTES

if TYPE_CHECKING:
    from car.page.server import Server

STATIC = Path(__file__).parent / "static"
NO_TOKEN = "This page needs the link that the program printed when it started, with its token.\n"  # noqa: S105


class Guarded(RequestHandler):
    """Nothing without the token: in the address, or in the cookie that the page left."""

    def initialize(self, server: "Server", **_more: Any) -> None:
        self.server = server

    @property
    def cookie_name(self) -> str:
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
        if not self.server.knows(self.get_query_argument("token", None) or self.get_cookie(self.cookie_name) or ""):
            raise HTTPError(403)
        origin = self.request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() != self.request.headers.get("Host", "").lower():
            raise HTTPError(403)  # a page of somebody else's, in the browser of one who has the cookie

    def write_error(self, status_code: int, **_more: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(NO_TOKEN if status_code == 403 else f"{status_code}\n")


class Page(Guarded):
    """The page itself, for those who have the link; it leaves the cookie."""

    def initialize(self, server: "Server", page: bytes) -> None:  # type: ignore[override]
        super().initialize(server)
        self._page = page

    def get(self) -> None:
        self.set_cookie(self.cookie_name, self.server.token, httponly=True, samesite="Strict")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(self._page)


class _Static(StaticFileHandler):
    """Scripts and styles hold no secrets, and need no token."""

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")


def guarded_application(addresses: Sequence[tuple[str, type[Guarded], dict[str, Any]]]) -> Application:
    """These addresses, and scripts and styles."""
    return Application(
        [*addresses, ("/static/(.*)", _Static, {"path": str(STATIC)})],
        log_function=lambda _handler: None,  # tornado's would write addresses, and so the token
        websocket_max_message_size=MOST_BYTES,
        websocket_ping_interval=5,
        websocket_ping_timeout=5,
    )
