"""One browser at /wsDrive: says where to go, hears how the car is."""

import asyncio
import contextlib
import json
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from car.page.budget import Budget
from car.page.guarded import Guarded
from car.page.message import Refused, parse
from car.page.status import driver, state, trace_after

MOST_SOCKETS = 12
STATE_PERIOD_S = 0.1


class DriveSocket(Guarded, WebSocketHandler):
    """donkeycar's messages, and ours besides."""

    async def get(self, *args: Any, **kwargs: Any) -> None:
        if len(self.server.clients) >= MOST_SOCKETS:
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
        """The car's state, again and again, at most as fast as it is taken; first what does not change."""
        server, number, once = self.server, 0, self.server.about.as_json()
        with contextlib.suppress(WebSocketClosedError, StreamClosedError):
            while True:
                number, trace = trace_after(server.shared, number)
                said = state(server.shared) | {
                    "driver": driver(server.shared, self),
                    "power": server.power.flags,
                    "trace": trace,
                }
                await self.write_message(json.dumps(once | said))
                once = {}
                await asyncio.sleep(STATE_PERIOD_S)
