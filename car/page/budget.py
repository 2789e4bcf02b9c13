"""How much one client may say: so many messages a second, and a few at once."""

import time
from collections.abc import Callable

PER_SECOND = 50  # our page sends 20
AT_ONCE = 50
MOST_DROPPED = 200  # more than were let through since: then it is no client but a flood


class Budget:
    """A token bucket."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._left, self._counted_ns = float(AT_ONCE), clock_ns()
        self._dropped = 0

    def spend(self) -> bool:
        """True where one more message is within the budget."""
        now_ns = self._clock_ns()
        self._left = min(AT_ONCE, self._left + PER_SECOND * (now_ns - self._counted_ns) / 1e9)
        self._counted_ns = now_ns
        if self._left < 1:
            self._dropped += 1
            return False
        self._left -= 1
        self._dropped = max(0, self._dropped - 1)  # not 0: one is let through every 20 ms of the worst flood
        return True

    @property
    def flooded(self) -> bool:
        """Too many were beyond it, and too few within."""
        return self._dropped >= MOST_DROPPED
