"""Who says too much, and who has failed too often to be listened to."""

import time
from collections import deque
from collections.abc import Callable

Clock = Callable[[], float]


class Recent:
    """Counts what happened in the last `window_s` seconds; remembers at most `most` of it."""

    def __init__(self, most: int, window_s: float, clock: Clock = time.monotonic) -> None:
        self._clock, self._window_s = clock, window_s
        self._times: deque[float] = deque(maxlen=most)

    def add(self) -> None:
        """It has happened again."""
        self._times.append(self._clock())

    @property
    def full(self) -> bool:
        """It has happened `most` times within the window."""
        return len(self._times) == self._times.maxlen and self._clock() - self._times[0] < self._window_s

    @property
    def over(self) -> bool:
        """The last time is longer ago than the window."""
        return not self._times or self._clock() - self._times[-1] >= self._window_s


class Strikes:
    """The failures of each address: a wrong secret, a broken message, a flood, silence where an answer was due."""

    MOST, WINDOW_S = 20, 60.0
    MOST_ADDRESSES = 1024  # remembered

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._recent: dict[str, Recent] = {}

    def add(self, address: str) -> None:
        """One more failure of this address's."""
        if address not in self._recent and len(self._recent) >= self.MOST_ADDRESSES:
            self._recent = {other: recent for other, recent in self._recent.items() if not recent.over}
            if len(self._recent) >= self.MOST_ADDRESSES:  # the longest known goes
                del self._recent[next(iter(self._recent))]
        self._recent.setdefault(address, Recent(self.MOST, self.WINDOW_S, self._clock)).add()

    def out(self, address: str) -> bool:
        """Nothing of this address's is listened to for now."""
        recent = self._recent.get(address)
        return recent is not None and recent.full
