"""The server of the driver's page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tornado.web import Application

from car.page.budget import Budget
from car.page.handlers import application
from car.page.jobs import Jobs
from car.page.pictures import Pictures
from car.page.power import Power
from car.page.recordings import Recordings
from car.page.rounds import Rounds
from car.page.server import Server
from car.page.shared import Shared
from car.page.status import About


class DriveServer(Server):
    """Pictures, jobs on recordings, and how the Pi's power is, besides."""

    other_port = "take another with --port, or none with --no-page"

    def __init__(self, shared: Shared, port: int, about: About, recordings: Recordings, *, everyone: bool) -> None:
        """As Page. Raises UserError where the port is taken."""
        self.shared, self.about, self.recordings = shared, about, recordings
        self.posts = Budget()  # of all who use no socket
        self.rounds = Rounds()
        super().__init__(port, everyone=everyone)

    def round_over(self) -> None:
        """From the loop's thread: it has nothing to do now until the next frame."""
        if self.rounds.awaited:
            self._call(self.rounds.tell)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Application]:
        self.camera = Pictures(self.shared.camera, self.rounds)
        self.policy = Pictures(self.shared.policy, self.rounds)
        self.jobs, self.power = Jobs(), Power()
        watching = asyncio.create_task(self.power.watch())
        yield application(self)
        watching.cancel()
        self.jobs.end()
