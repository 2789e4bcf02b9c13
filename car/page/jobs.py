"""Work on recordings, each in a process of its own (car/page/reading.py): none of it may hold up the car's loop."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from settings import PROJECT

MOST_AT_ONCE = 2
CHUNK = 65536  # bytes
LONGEST_LINE = 1 << 24  # bytes: a score of a whole day's drive


class Busy(Exception):
    """As many jobs run as may."""


class Jobs:
    """Lives in the server's thread."""

    def __init__(self) -> None:
        self._running: set[asyncio.subprocess.Process] = set()

    @property
    def running(self) -> int:
        """How many run now."""
        return len(self._running)

    @asynccontextmanager
    async def start(self, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
        """What `python -m car.page.reading ARGUMENTS` prints. It is ended when the block is left. Raises Busy."""
        if len(self._running) >= MOST_AT_ONCE:
            raise Busy
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "car.page.reading",
            *arguments,
            cwd=PROJECT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is the driving program's affair
            limit=LONGEST_LINE,
        )
        self._running.add(process)
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            yield process.stdout
        finally:
            self._running.discard(process)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()  # what it had printed already, and its end

    def end(self) -> None:
        """The server ends."""
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
