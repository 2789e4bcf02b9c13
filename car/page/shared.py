"""What the loop's thread and the server's thread say to each other. No locks: each value is replaced as a whole."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from car.page.message import Message
from car.page.seat import Seat

TRACE_S = 10.0  # of the drive's last seconds that strip charts show
MOST_MOMENTS = 600  # of a camera of 60 Hz


@dataclass(frozen=True)
class Shown:
    """What the loop last told the page. Written by the loop's thread."""

    mode: str = "user"
    recording: bool = False
    records: int = 0
    armed: bool = False
    stopped: bool = False
    steering: float = 0.0
    throttle: float = 0.0
    reason: str = ""  # why the throttle is not what was asked for
    note: str = ""  # what else the driver should know
    pad_drives: bool = False


@dataclass(frozen=True)
class Moment:
    """One round of the loop, for the strip charts."""

    number: int  # of the round, from 1
    t_s: float  # when its frame was captured, since the first
    steering: float  # what the car was told
    throttle: float
    latency_ms: float  # from the frame to the pulse; without servos, to the command


@dataclass(frozen=True)
class Measured:
    """What the instruments last read. Written by the loop's thread."""

    t_capture_ns: int = 0  # of the newest frame, by the camera's clock
    overruns: int = 0  # frames that the loop was too late for
    guardian: str = ""  # its state; '' where there is none
    pilot_steering: float | None = None  # what the policy would do, whoever drives
    pilot_throttle: float | None = None
    action: int | None = None
    advantages: tuple[float, ...] = ()  # one for each action
    inference_ms: float | None = None
    last_stop: tuple[str, int] | None = None  # the reason, and when, in ns of the camera's clock
    place: dict[str, Any] = field(default_factory=dict)  # how far and how well, where a simulator knows it


class Channel:
    """Pictures of one kind, on their way from the loop to those who watch."""

    def __init__(self) -> None:
        self.watched = False  # somebody looks; written by the server's thread
        self.frame: tuple[int, NDArray[np.uint8]] | None = None  # number and RGB or grey uint8, nobody else's memory
        self._shown = 0

    def show(self, frame: NDArray[np.uint8]) -> None:
        """From the loop's thread. frame: RGB uint8 (h, w, 3) or grey (h, w), which nobody writes to any more."""
        self._shown += 1
        self.frame = (self._shown, frame)


@dataclass
class Shared:
    """Both threads hold it."""

    seat: Seat = field(default_factory=Seat)
    wishes: deque[tuple[Hashable, Message]] = field(default_factory=lambda: deque(maxlen=100))  # for the loop to take
    stop_pressed: bool = False  # by anyone; the loop takes it back. Not a wish, so that no flood of wishes drowns it
    refused: int = 0  # messages that were none, came too fast, or from one who does not drive
    shown: Shown = Shown()
    measured: Measured = Measured()
    trace: deque[Moment] = field(default_factory=lambda: deque(maxlen=MOST_MOMENTS))  # the last ones, newest last
    camera: Channel = field(default_factory=Channel)
    policy: Channel = field(default_factory=Channel)  # what it sees

    def hear(self, who: Hashable, message: Message) -> bool:
        """Take a message that passed the parser. False where who may not say it, for another drives; a STOP counts."""
        if message.stop:
            self.stop_pressed = True
        if message.leave:
            self.seat.leave(who)
            return True
        if not message.wants_the_wheel:
            return True
        if self.shown.pad_drives or not self.seat.drive(who, message.angle, message.throttle):
            self.refused += 1
            return False
        self.wishes.append((who, message))  # after the seat: the loop looks at them the other way round
        return True
