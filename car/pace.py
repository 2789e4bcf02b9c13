"""The time between frames, for cameras that are none: kept, or skipped."""

import time


class Pace:
    """Blocks until the next frame is due, as a camera does; without realtime, the clock skips the wait instead."""

    def __init__(self, *, realtime: bool) -> None:
        self._realtime = realtime
        self._skipped_ns = 0
        self._due_ns = self.clock_ns()
        self.overruns = 0  # frames that the loop was too late for

    def clock_ns(self) -> int:
        """The monotonic clock, plus all waits that were skipped: what the car's parts go by."""
        return time.monotonic_ns() + self._skipped_ns

    def wait(self, period_s: float) -> int:
        """Returns when the frame due `period_s` after the last one is due, with the time in ns of the clock."""
        self._due_ns += int(1e9 * period_s)
        late_ns = self.clock_ns() - self._due_ns
        if late_ns > 0:
            self.overruns += 1
            self._due_ns += late_ns  # a camera does not make up for lost frames
        elif self._realtime:
            time.sleep(-late_ns / 1e9)
        else:
            self._skipped_ns -= late_ns
        return self.clock_ns()
