"""The driving program's end of the guardian's socket."""

import select
import socket
from pathlib import Path

from car.guardian.chip import ServosTaken
from car.guardian.messages import LARGEST, BadMessage, Command, State, Status, decode_status, encode_command
from car.guardian.process import SOCKET
from car.local_socket import connect

FIRST_WORD_S = 2.0


class Gone(OSError):
    """The guardian has closed its end: it ended or died."""


class Client:
    """One connection. Nothing here blocks but the construction."""

    def __init__(self, folder: Path) -> None:
        """Connected, and taken as the driver. Raises OSError where no guardian answers, ServosTaken where one has a
        driver already."""
        self._socket = connect(folder, SOCKET)
        self.status = Status(State.SAFE, "not armed", 0, 0)
        try:
            if not select.select([self._socket], [], [], FIRST_WORD_S)[0]:
                raise Gone("the guardian does not answer")
            self._socket.setblocking(False)
            self.receive()
            if self.status.state is State.REFUSED:
                raise ServosTaken(f"the guardian in {folder} is taken: {self.status.reason}; end that first")
        except BaseException:
            self._socket.close()
            raise

    def send(self, command: Command) -> None:
        """Raises Gone, and BadMessage for a command that is none."""
        packet = encode_command(command)
        try:
            self._socket.send(packet, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            pass  # it does not read: it waits for a bus that hangs, and will not miss an old command
        except OSError as error:
            raise Gone("the guardian is gone") from error

    def receive(self) -> Status:
        """What the guardian said last. Raises Gone."""
        while True:
            try:
                packet = self._socket.recv(LARGEST)
            except BlockingIOError:
                return self.status
            except OSError as error:
                raise Gone("the guardian is gone") from error
            if not packet:
                raise Gone("the guardian is gone")
            try:
                self.status = decode_status(packet)
            except BadMessage as error:
                raise Gone(f"what answers is no guardian: {error}") from error
            if self.status.state is State.REFUSED:
                return self.status

    def wait(self, timeout_s: float) -> Status:
        """The next word of the guardian's, or after the timeout the last one. Raises Gone."""
        select.select([self._socket], [], [], timeout_s)
        return self.receive()

    def close(self) -> None:
        self._socket.close()
