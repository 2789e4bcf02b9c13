"""One browser at /wsDrive: says where to go, hears how the car is."""

import asyncio
from typing import TYPE_CHECKING, Any

from car.page.message import Message
from car.page.state_socket import StateSocket
from car.page.status import driver, state, trace_after

if TYPE_CHECKING:
    from car.page.drive_server import DriveServer

PAUSE_S = 0.08  # after news; the end of the next round makes a tenth of a second of it


class DriveSocket(StateSocket[Message]):
    """donkeycar's messages, and ours besides."""

    kind = Message
    server: "DriveServer"

    def open(self, *args: str, **kwargs: str) -> None:
        self._number = 0  # of the newest round that was told
        self._once = self.server.about.as_json()  # what does not change is told first, and never again
        super().open(*args, **kwargs)

    def hear(self, said: Message) -> None:
        self.server.shared.hear(self, said)

    def refuse(self) -> None:
        self.server.shared.refused += 1

    def leave(self) -> None:
        self.server.shared.seat.leave(self)

    async def pause(self) -> None:
        await asyncio.sleep(PAUSE_S)
        await self.server.rounds.over()

    def news(self) -> dict[str, Any]:
        server, once = self.server, self._once
        self._once = {}
        self._number, trace = trace_after(server.shared, self._number)
        more = {"driver": driver(server.shared, self), "power": server.power.flags, "trace": trace}
        return once | state(server.shared) | more
