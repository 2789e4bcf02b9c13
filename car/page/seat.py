"""One driver at a time. Who has the wheel, what they last said, and whether they still say anything."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

# The promise is 500 ms from the last word to neutral. The loop looks once a frame, 50 ms; the rest is for the wires.
SILENT_NS = 400_000_000


@dataclass(frozen=True)
class Command:
    """The driver's last word."""

    who: Hashable
    steering: float
    throttle: float
    heard_ns: int  # monotonic


class Seat:
    """Written by the server's thread alone, read by the loop's: the command is replaced as a whole, without a lock."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._last: Command | None = None

    def command(self) -> Command | None:
        """The driver's last word; None where nobody drives, or the driver has been silent for too long."""
        last = self._last
        return last if last and self._clock_ns() - last.heard_ns <= SILENT_NS else None

    def drive(self, who: Hashable, steering: float | None, throttle: float | None) -> bool:
        """who says where to go; a value left out stays, and only a value given counts as a sign of life.

        Takes the seat where it is free. False, and nothing happens, where another has it.
        """
        command = self.command()
        if command and command.who != who:
            return False
        if command is None:
            self._last = Command(who, steering or 0.0, throttle or 0.0, self._clock_ns())
        elif steering is not None or throttle is not None:
            self._last = Command(
                who,
                command.steering if steering is None else steering,
                command.throttle if throttle is None else throttle,
                self._clock_ns(),
            )
        return True

    def leave(self, who: Hashable) -> None:
        """who lets go of the wheel, or is gone."""
        if self._last and self._last.who == who:
            self._last = None
