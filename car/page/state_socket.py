"""One browser's socket: what it says is checked and counted, and it hears how things are, ten times a second."""

import asyncio
import contextlib
import json
from abc import abstractmethod
from typing import Any, Generic, TypeVar

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from car.page.budget import Budget
from car.page.guarded import Guarded
from car.page.message import Refused, Said, parse

MOST_SOCKETS = 12
STATE_PERIOD_S = 0.1

Kind = TypeVar("Kind", bound=Said)


class StateSocket(Guarded, WebSocketHandler, Generic[Kind]):
    """What is refused moves nothing; a STOP is never too much."""

    kind: type[Kind]  # of message

    async def get(self, *args: Any, **kwargs: Any) -> None:
        if len(self.server.clients) >= MOST_SOCKETS:
            raise HTTPError(503)
        await super().get(*args, **kwargs)

    def open(self, *_args: str, **_kwargs: str) -> None:
        self.server.clients.add(self)
        self._budget = Budget()
        self._telling = asyncio.create_task(self._tell())

    def on_message(self, message: str | bytes) -> None:
        affordable = self._budget.spend()
        try:
            heard = parse(message, self.kind)
        except Refused:
            self.refuse()
        else:
            if affordable or heard.stop:
                self.hear(heard)
            else:
                self.refuse()
        if self._budget.flooded:
            self.close(1008, "too many messages")

    def on_close(self) -> None:
        self.leave()
        self.server.clients.discard(self)
        self._telling.cancel()

    @abstractmethod
    def hear(self, said: Kind) -> None:
        """A message that passed."""

    @abstractmethod
    def refuse(self) -> None:
        """One that did not."""

    @abstractmethod
    def leave(self) -> None:
        """The browser is gone."""

    @abstractmethod
    def news(self) -> dict[str, Any]:
        """How things are now, as JSON values."""

    async def pause(self) -> None:
        """Until there may be news again."""
        await asyncio.sleep(STATE_PERIOD_S)

    def heard_all(self) -> bool:
        """There will be no more news."""
        return False

    async def _tell(self) -> None:
        """At most as fast as it is taken."""
        with contextlib.suppress(WebSocketClosedError, StreamClosedError):
            while True:
                last = self.heard_all()  # asked first: what is told then has all of it
                await self.write_message(json.dumps(self.news()))
                if last:
                    self.close(1000, "over")
                    return
                await self.pause()
