"""Tells systemd that the service is ready and alive (sd_notify(3)); without systemd, nothing."""

import contextlib
import os
import socket
import time

LONGEST_WAIT_S = 1.0  # the loop wakes at least so often, watchdog or not


class Notifier:
    """Reads NOTIFY_SOCKET and WATCHDOG_USEC, which systemd sets for a service with Type=notify and WatchdogSec=."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        watchdog_s = int(os.environ.get("WATCHDOG_USEC", "0") or 0) / 1e6
        self.period_s = min(LONGEST_WAIT_S, watchdog_s / 3) if watchdog_s else LONGEST_WAIT_S
        self._watched = watchdog_s > 0
        self._due_s = 0.0

    def ready(self) -> None:
        """The service does its work from now on."""
        self._send(b"READY=1")

    def alive(self) -> None:
        """Called every round; says so once a period."""
        if self._watched and time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + self.period_s
            self._send(b"WATCHDOG=1")

    def _send(self, message: bytes) -> None:
        if self._address:
            with (
                contextlib.suppress(OSError),  # a supervisor that does not listen is no reason to let go of the wires
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
            ):
                out.sendto(message, socket.MSG_DONTWAIT, self._address)
