"""What the loop's thread and the server's thread say to each other. No locks: each value is replaced as a whole."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from car.page.message import Message
from car.page.seat import Seat


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


@dataclass
class Shared:
    """Both threads hold it."""

    seat: Seat = field(default_factory=Seat)
    wishes: deque[tuple[Hashable, Message]] = field(default_factory=lambda: deque(maxlen=100))  # for the loop to take
    stop_pressed: bool = False  # by anyone; the loop takes it back. Not a wish, so that no flood of wishes drowns it
    refused: int = 0  # messages that were none, came too fast, or from one who does not drive
    shown: Shown = Shown()
    watched: bool = False  # somebody looks at the pictures
    frame: tuple[int, NDArray[np.uint8]] | None = None  # number and RGB or grey uint8, the loop's copy for the encoder

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
