"""The Pi's throttling flags for the page: a weak battery, or heat, that slows the car down."""

import asyncio
from pathlib import Path

from car.doctor.machine import throttling_flags, throttling_words
from car.hardware import device_tree_model

PERIOD_S = 10.0


class Power:
    """Reads them again and again, away from the server's thread: the tool that is asked on older systems may take
    its time. None on a machine that is no Raspberry Pi."""

    def __init__(self, root: Path = Path("/")) -> None:
        """root: where / is; tests have another."""
        self._root = root
        self.flags: dict[str, list[str]] | None = None  # now, and before (since the Pi was started), in words

    async def watch(self) -> None:
        """Until it is cancelled."""
        if not device_tree_model(self._root).startswith("Raspberry Pi"):
            return
        while True:
            flags = await asyncio.to_thread(throttling_flags, self._root)
            if flags is not None:
                now, before = throttling_words(flags)
                self.flags = {"now": now, "before": before}
            await asyncio.sleep(PERIOD_S)
