"""The launcher's end of one connection: lines with a time limit, and the greeting that shows who has the secret."""

import asyncio
import contextlib
import time

from sim_bridge.launcher import messages
from sim_bridge.launcher.messages import BadMessage
from sim_bridge.launcher.session import Session, new_nonce
from sim_bridge.launcher.simulators import Simulator

STRANGER_S = 5.0  # a new connection shows within so long that it has the secret
SEND_S = 5.0  # a client that does not read for so long is gone


class Connection:
    """To one client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        address = writer.get_extra_info("peername") or ("gone", 0)
        self.address, self.name = str(address[0]), f"{address[0]}:{address[1]}"
        self._session: Session | None = None
        self.simulators: dict[int, Simulator] = {}  # the client's own, by port
        self.heard_s = time.monotonic()

    @property
    def stranger(self) -> bool:
        """The client has not shown yet that it has the secret."""
        return self._session is None

    async def greet(self, key: bytes, welcome: messages.Welcome) -> None:
        """Both sides show that they have the secret. Raises BadMessage, EOFError."""
        nonce = new_nonce()
        await self._send(messages.line(messages.Greeting(nonce=nonce)))
        try:
            async with asyncio.timeout(STRANGER_S):
                answer = messages.read_answer(await self._receive())
                session = Session("server", key, nonce, answer.nonce)
                line = await self._receive()
        except TimeoutError as error:
            raise BadMessage(f"nothing said for {STRANGER_S:g} s") from error
        try:
            text = session.check(line)
        except BadMessage:
            await self.turn_away("its secret is not the launcher's")
            raise BadMessage("a wrong secret, or an answer from another conversation") from None
        if not isinstance(messages.read_request(text), messages.Hello):
            raise BadMessage("a request before hello")
        self._session = session
        await self.reply(welcome)

    async def request(self) -> messages.Request:
        """The client's next. Raises BadMessage; EOFError where it is gone."""
        assert self._session is not None  # noqa: S101 - `greet` has set it
        request = messages.read_request(self._session.check(await self._receive()))
        self.heard_s = time.monotonic()
        return request

    async def reply(self, message: messages.Reply) -> None:
        """Raises EOFError where the client is gone, or does not read."""
        assert self._session is not None  # noqa: S101 - `greet` has set it
        await self._send(self._session.sign(message))

    async def turn_away(self, why: str) -> None:
        """Say so, unsigned, and close."""
        with contextlib.suppress(EOFError):
            await self._send(messages.line(messages.Refused(why=why)))
        self.close()

    def close(self) -> None:
        self._writer.close()

    async def _receive(self) -> bytes:
        """A line without its end."""
        try:
            return (await self._reader.readuntil(b"\n"))[:-1]
        except asyncio.LimitOverrunError as error:
            raise BadMessage("an endless message") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise EOFError from error

    async def _send(self, line: bytes) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                self._writer.write(line)
                await self._writer.drain()
        except OSError as error:  # a TimeoutError is one
            self._writer.transport.abort()
            raise EOFError from error
