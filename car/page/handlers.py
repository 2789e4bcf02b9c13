"""Every address of the page. Those that donkeycar has (/drive, /wsDrive, /video) are as there, behind a token."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tornado.web import Application, HTTPError

from car.page import drive_handlers as drives
from car.page.drive_socket import DriveSocket
from car.page.guarded import STATIC, Guarded, Page, guarded_application
from car.page.message import Message, Refused, parse
from car.page.status import driver, figures, state
from car.page.video import Video

if TYPE_CHECKING:
    from car.page.drive_server import DriveServer


def application(server: "DriveServer") -> Application:
    """server: with its pictures made."""
    ours = {"server": server}
    page = _with_modules((STATIC / "index.html").read_bytes(), STATIC)
    name = r"([A-Za-z0-9._-]+)"
    return guarded_application(
        [
            ("/", _DrivePage, ours | {"page": page}),
            ("/drive", _DrivePage, ours | {"page": page}),
            ("/wsDrive", DriveSocket, ours),
            ("/video", Video, ours | {"pictures": server.camera}),
            ("/policy", Video, ours | {"pictures": server.policy}),
            ("/status", _Status, ours),
            ("/drives", drives.Drives, ours),
            (f"/drives/{name}\\.zip", drives.Zip, ours),
            (f"/drives/{name}", drives.Drive, ours),
            (f"/drives/{name}/timeline", drives.Timeline, ours),
            (f"/drives/{name}/score", drives.Score, ours),
            (f"/drives/{name}/frames/{name}", drives.Frame, ours),
        ]
    )


def _with_modules(page: bytes, static: Path) -> bytes:
    """On a slow link each script that is found only inside another one would cost a round trip. Those in folders are
    loaded when they are needed."""
    names = sorted(file.name for file in static.glob("*.js"))
    links = "\n  ".join(f'<link rel="modulepreload" href="/static/{name}">' for name in names)
    return re.sub(rb"<!-- modules.*?-->", links.encode(), page)


class _DrivePage(Page):
    server: "DriveServer"

    def post(self) -> None:
        """donkeycar's: one message as the body. Its sender drives for as long as the next one follows in time."""
        shared, affordable = self.server.shared, self.server.posts.spend()
        try:
            message = parse(self.request.body, Message)
        except Refused as error:
            shared.refused += 1
            raise HTTPError(400) from error
        if not affordable and not message.stop:
            shared.refused += 1
            raise HTTPError(429)
        if not shared.hear(("post", self.request.remote_ip), message):
            raise HTTPError(409)
        self.write({})


class _Status(Guarded):
    server: "DriveServer"

    def get(self) -> None:
        """Everything that the page shows, for a script; docs/driving.md explains each key."""
        server = self.server
        watching = {"power": server.power.flags, "pages": len(server.clients), "viewers": server.camera.viewers}
        whole = server.about.as_json() | state(server.shared) | figures(server.shared) | watching
        self.write(whole | {"driver": driver(server.shared)})
