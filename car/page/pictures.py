"""Pictures for those who watch: encoded when one of them is ready for the next, and only then."""

import cv2
import numpy as np
from numpy.typing import NDArray

from car.page.rounds import Rounds
from car.page.shared import Channel

JPEG_QUALITY = 75


def encode(frame: NDArray[np.uint8]) -> bytes:
    """RGB uint8 (h, w, 3) or grey uint8 (h, w) -> JPEG."""
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) if frame.ndim == 3 else np.ascontiguousarray(frame)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


class Pictures:
    """Lives in the server's thread. However many watch, a frame is encoded once; if nobody does, not at all."""

    def __init__(self, channel: Channel, rounds: Rounds) -> None:
        self._channel, self._rounds = channel, rounds
        self._viewers = 0
        self._encoded: tuple[int, bytes] = (0, b"")
        self.encodings = 0  # so far

    @property
    def viewers(self) -> int:
        """How many watch now."""
        return self._viewers

    def enter(self) -> None:
        """One more watches."""
        self._viewers += 1
        self._channel.watched = True

    def leave(self) -> None:
        """One of them does no more."""
        self._viewers -= 1
        if self._viewers == 0:
            self._channel.watched, self._channel.frame = False, None

    async def after(self, number: int) -> tuple[int, bytes]:
        """The newest frame's number and JPEG, at the end of a round, once it is newer than `number`."""
        await self._rounds.over()
        while (frame := self._channel.frame) is None or frame[0] <= number:
            await self._rounds.over()
        if frame[0] != self._encoded[0]:
            self._encoded = (frame[0], encode(frame[1]))
            self.encodings += 1
        return self._encoded
