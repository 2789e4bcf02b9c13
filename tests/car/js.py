"""A game pad that is none: a FIFO that raw joystick events go through, and the kernel's answers about it."""

import array
import os
import struct
from pathlib import Path

FIRST_BUTTON, BUTTONS = 0x120, 200  # number n is code FIRST_BUTTON + n ...
DPAD = {0x220 + k: 190 + k for k in range(4)}  # ... but for these
BUTTON, AXIS, INITIAL = 0x01, 0x02, 0x80


def ioctl(_device: object, request: int, answer: array.array) -> int:
    """fcntl.ioctl as a joystick's driver answers it: all axes, and the buttons above."""
    codes = [FIRST_BUTTON + n for n in range(BUTTONS)]
    for code, number in DPAD.items():
        codes[number] = code
    replies = {
        0x80006A13 + (len(answer) << 16): b"A pad".ljust(64, b"\0"),
        0x80016A11: [0x40],
        0x80016A12: [BUTTONS],
        0x80406A32: list(range(0x40)),
        0x80406A34: codes,
    }
    answer[:] = array.array(answer.typecode, replies[request])
    return 0


class FakePad:
    """The end of the FIFO that a thumb is on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    def plug_in(self) -> None:
        """Returns when somebody has opened the other end."""
        self._fifo = os.open(self.path, os.O_WRONLY)
        self._event(INITIAL | AXIS, 0, 12345)  # the kernel first says where everything is

    def unplug(self) -> None:
        os.close(self._fifo)

    def axis(self, code: int, value: float) -> None:
        self._event(AXIS, code, round(32767 * value) if value > -1 else -32768)

    def press(self, code: int) -> None:
        for value in (1, 0):
            self._event(BUTTON, DPAD.get(code, code - FIRST_BUTTON), value)

    def _event(self, kind: int, number: int, value: int) -> None:
        os.write(self._fifo, struct.pack("IhBB", 0, value, kind, number))

    def garble(self, event: bytes) -> None:
        os.write(self._fifo, event)
