"""Live pictures as MJPEG, as donkeycar sends them: each once, the next when this one is taken, and none too soon."""

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from car.page.guarded import Guarded

if TYPE_CHECKING:
    from car.page.pictures import Pictures
    from car.page.server import Server

MOST_VIEWERS = 12  # of each kind of picture
PAUSE_S = 0.04  # after a picture at least: 20 a second of a camera of 20, 40 or 60 Hz, as many as a policy sees
SEND_TIMEOUT_S = 5.0  # a viewer that takes nothing for so long is gone
SEND_BUFFER_BYTES = 16384  # of the system, per viewer: a slow link shows few pictures, not old ones
BOUNDARY = b"--boundarydonotcross"


class Video(Guarded):
    """What the camera sees, or what the policy sees."""

    _sending: asyncio.Task[Any] | None = None

    def initialize(self, server: "Server", pictures: "Pictures") -> None:  # type: ignore[override]
        super().initialize(server)
        self._pictures = pictures

    async def get(self) -> None:
        pictures = self._pictures
        if pictures.viewers >= MOST_VIEWERS:
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
                due_s = time.monotonic() + PAUSE_S
                await asyncio.wait_for(self.flush(), SEND_TIMEOUT_S)
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
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
