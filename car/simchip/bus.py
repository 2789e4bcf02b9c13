"""The bus to the simulated chip, with the methods of Blinka's busio.I2C; faults are OSErrors, as the kernel's are."""

import errno
import json
import os
import socket
from pathlib import Path
from typing import Any

from car.guardian.chip import NoChip
from car.local_socket import connect
from car.simchip.process import ANSWER, LARGEST, REQUEST, SOCKET, TRANSACTION, WISH

TIMEOUT_S = 1.0  # Linux's for an I2C adapter that hangs


class SimulatedBus:
    """One connection to the chip's process."""

    def __init__(self, folder: Path) -> None:
        """Raises NoChip where the process does not run."""
        try:
            self._socket = connect(folder, SOCKET)
        except OSError as error:
            raise NoChip(
                f"no simulated chip runs in {folder}: {error.strerror}; type  python -m car.simchip {folder}"
            ) from error
        self._socket.settimeout(TIMEOUT_S)
        self._folder = folder

    def try_lock(self) -> bool:
        return True

    def unlock(self) -> None:
        pass

    def writeto(self, address: int, buffer: Any, *, start: int = 0, end: int | None = None) -> None:
        """Raises OSError: EREMOTEIO where nobody acknowledges, ETIMEDOUT where the bus hangs."""
        self._ask(TRANSACTION, address, bytes(buffer)[start:end], 0)

    def readfrom_into(self, address: int, buffer: Any, *, start: int = 0, end: int | None = None) -> None:
        """Raises OSError."""
        end = len(buffer) if end is None else end
        buffer[start:end] = self._ask(TRANSACTION, address, b"", end - start)

    def writeto_then_readfrom(
        self,
        address: int,
        buffer_out: Any,
        buffer_in: Any,
        *,
        out_start: int = 0,
        out_end: int | None = None,
        in_start: int = 0,
        in_end: int | None = None,
    ) -> None:
        """Raises OSError."""
        in_end = len(buffer_in) if in_end is None else in_end
        written = bytes(buffer_out)[out_start:out_end]
        buffer_in[in_start:in_end] = self._ask(TRANSACTION, address, written, in_end - in_start)

    def wish(self, **faults: Any) -> bytes:
        """For tests: process.Faults.wish; returns the 256 registers."""
        return self._ask(WISH, 0, json.dumps(faults).encode(), 256)

    def _ask(self, kind: int, address: int, data: bytes, length: int) -> bytes:
        try:
            self._socket.send(REQUEST.pack(kind, address, length) + data, socket.MSG_NOSIGNAL)
            answer = self._socket.recv(LARGEST)
        except TimeoutError as error:
            self._reconnect()  # the late answer must not be taken for that of the next question
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from error
        except OSError as error:
            raise OSError(errno.EREMOTEIO, "the simulated chip is gone") from error
        if len(answer) < ANSWER.size:
            raise OSError(errno.EREMOTEIO, "the simulated chip is gone")
        (wrong,) = ANSWER.unpack_from(answer)
        if wrong:
            raise OSError(wrong, os.strerror(wrong))
        return answer[ANSWER.size :]

    def _reconnect(self) -> None:
        self._socket.close()
        self._socket = connect(self._folder, SOCKET)
        self._socket.settimeout(TIMEOUT_S)
