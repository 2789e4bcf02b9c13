"""The tub camera: a recording's frames in place of a camera's; and no drivetrain, for footage cannot be steered."""

from collections.abc import Callable, Iterator

import numpy as np

from car.pace import Pace
from models.contract import ObservationSpec
from models.footage import fit
from storage.tub import Record, Tub, TubError

LONGEST_WAIT_S = 1.0  # a longer pause in the recording is shortened to this


class TubCamera:
    """Gives a recording's frames at its own pace, or without realtime as fast as they are taken.

    Frames that cannot be read are skipped. `ended` is true once the last one was given.
    """

    def __init__(self, tub: Tub, spec: ObservationSpec, *, realtime: bool) -> None:
        """Raises TubError where the tub has no records, or not one frame of them can be read."""
        self._tub, self._spec = tub, spec
        self._frames: Iterator[tuple[Record, np.ndarray]] = tub.images()
        self._next = next(self._frames, None)
        if self._next is None:
            raise TubError(f"{tub.path} has no records; name a tub with a drive in it")
        self._last_ms = self._next[0].timestamp_ms - 1000 * spec.period_s  # the first is due in a period
        self._sequence = -1
        self._pace = Pace(realtime=realtime)
        self.clock_ns = self._pace.clock_ns

    @property
    def ended(self) -> bool:
        return self._next is None

    @property
    def overruns(self) -> int:
        """Frames that the loop was too late for."""
        return self._pace.overruns

    def run(self) -> tuple[np.ndarray, int, int]:
        """Frame RGB uint8 in the contract's size, time of capture in ns of the clock, sequence number.

        Raises EOFError when the recording has ended.
        """
        if self._next is None:
            raise EOFError("the recording has ended")
        record, frame = self._next
        self._next = next(self._frames, None)
        step_s = (record.timestamp_ms - self._last_ms) / 1000
        self._last_ms = record.timestamp_ms
        t_capture_ns = self._pace.wait(min(max(0.0, step_s), LONGEST_WAIT_S))  # a clock set back is no wait
        self._sequence += 1
        return fit(frame, self._spec), t_capture_ns, self._sequence

    def words(self) -> str:
        shown, records = self._sequence + 1, len(self._tub.records)
        broken = f"  {records - shown} unreadable" if self.ended and shown < records else ""
        return f"frame {shown} of {records}{broken}"

    def second_picture(self, _size: int) -> None:
        """Nobody knows where the car of a recording was."""

    def moment(self) -> None:
        """Nor can it be drawn later."""

    def figures(self) -> dict[str, object]:
        """How much of the recording was shown."""
        return {"tub": str(self._tub.path), "records": len(self._tub.records)}


class NoDrivetrain:
    """Takes commands and moves nothing."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns

    def run(
        self, _steering: float, _throttle: float, _t_capture_ns: int = 0, armed: bool = True, stop: bool = False
    ) -> tuple[int, str, str, bool, bool]:
        """Returns when the command was given, in ns of the camera's clock; that no guardian holds this car; and armed
        and stop as they are."""
        return self._clock_ns(), "", "", armed, stop
