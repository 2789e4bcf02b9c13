"""The server of the page that asks, and its addresses."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tornado.web import Application, HTTPError

from car.page.asking import Asking
from car.page.guarded import STATIC, Page, guarded_application
from car.page.message import Answer, Refused, parse
from car.page.server import Server
from car.page.state_socket import StateSocket

TOLD_WITHIN_S = 2.0  # a page that is slower does not hear how it ended


class CalibrationServer(Server):
    """Of one calibration."""

    def __init__(self, asking: Asking, port: int, *, everyone: bool) -> None:
        """As Server. Raises UserError where the port is taken."""
        self.asking = asking
        super().__init__(port, everyone=everyone)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Application]:
        page, ours = (STATIC / "calibrate" / "index.html").read_bytes(), {"server": self}
        yield guarded_application([("/", _AskingPage, ours | {"page": page}), ("/wsCalibrate", _Socket, ours)])

    def end_when_told(self) -> None:
        """After asking.end: every page has heard how it ended, or is too slow for it; then nothing is served."""
        late_s = time.monotonic() + TOLD_WITHIN_S
        while self.clients and time.monotonic() < late_s:
            time.sleep(0.02)
        self.end()


class _AskingPage(Page):
    server: CalibrationServer

    def post(self) -> None:
        """A STOP, where the socket is not open. Answers come by the socket alone."""
        try:
            said = parse(self.request.body, Answer)
        except Refused as error:
            self.server.asking.refused += 1
            raise HTTPError(400) from error
        if not said.stop:
            raise HTTPError(409)
        self.server.asking.stop()
        self.write({})


class _Socket(StateSocket[Answer]):
    kind = Answer
    server: CalibrationServer

    def hear(self, said: Answer) -> None:
        self.server.asking.hear(self, said)

    def refuse(self) -> None:
        self.server.asking.refused += 1

    def leave(self) -> None:
        self.server.asking.leave(self)

    def news(self) -> dict[str, Any]:
        return self.server.asking.state(self)

    def heard_all(self) -> bool:
        return self.server.asking.over
