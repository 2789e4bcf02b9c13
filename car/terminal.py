"""STOP from the terminal the program was started in, and by signal: the space bar, and SIGUSR1."""

import atexit
import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections import deque
from types import FrameType
from typing import TextIO

from car.arming import Act, after

KEYS = {b" ": Act.STOP, b"g": Act.GO}
HELP = "space: STOP   g: release STOP, then arm"


class Terminal:
    """The part that reads keys without waiting for any, where `keyboard` is a terminal in the foreground.

    SIGUSR1 to the process is a STOP too: `kill -USR1 PID`. Make it in the main thread, which the loop runs in.
    """

    def __init__(self, keyboard: TextIO = sys.stdin) -> None:
        self._acts: deque[Act] = deque(maxlen=16)
        self._keys = _single_keys(keyboard)
        signal.signal(signal.SIGUSR1, self._on_signal)

    @property
    def has_keys(self) -> bool:
        """Somebody can press keys here."""
        return self._keys is not None

    def run(self, armed: bool, stop: bool) -> tuple[bool, bool]:
        """(armed, stop) after the keys pressed and signals received since the last round."""
        if self._keys is not None and select.select([self._keys], [], [], 0)[0]:
            pressed = os.read(self._keys, 64)
            if not pressed:  # the terminal was closed
                self._keys = None
            self._acts.extend(KEYS[key] for key in (pressed[i : i + 1] for i in range(len(pressed))) if key in KEYS)
        while self._acts:
            armed, stop = after(self._acts.popleft(), armed, stop)
        return armed, stop

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._acts.append(Act.STOP)


def _single_keys(keyboard: TextIO) -> int | None:
    """The descriptor of a terminal that now gives each key at once and unseen, until the program ends; or None."""
    try:
        descriptor = keyboard.fileno()
        if not os.isatty(descriptor) or os.tcgetpgrp(descriptor) != os.getpgrp():
            return None  # a pipe, or a program in the background, which must leave the terminal as it is
        before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor, termios.TCSANOW)
    except (OSError, ValueError, termios.error):
        return None

    def restore() -> None:
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)

    atexit.register(restore)
    return descriptor
