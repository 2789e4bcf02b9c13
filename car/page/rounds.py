"""When a page may take the processor: the loop has written its pulse, and sleeps until the next frame."""

import asyncio
from contextlib import suppress

LONGEST_S = 0.1  # without a round: the camera stands, and who watches hears so


class Rounds:
    """Of the loop. Lives in the server's thread. Threads of one Python take turns, half a millisecond each: work that
    began when its timer said so would take its turns from a frame on its way to the pulse."""

    def __init__(self) -> None:
        self.awaited = False  # somebody waits for the end of a round; read by the loop's thread
        self._over = asyncio.Event()

    def tell(self) -> None:
        """A round is over."""
        self.awaited = False
        self._over.set()
        self._over.clear()  # who waits by now goes on all the same

    async def over(self) -> None:
        """The next one is, or the loop makes none."""
        self.awaited = True
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                await self._over.wait()
