"""The other end of the wire, byte by byte: a client without any manners, and a simulator that says what it is told."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class RawClient:
    """A socket, and the lines that come over it."""

    def __init__(self, at: tuple[str, int]) -> None:
        self.socket = socket.create_connection(at, 60)
        self._file = self.socket.makefile("rb")

    def send(self, *messages: dict[str, Any], between: bytes = b"") -> None:
        self.socket.sendall(between.join(json.dumps(message).encode() for message in messages))

    def next(self, kind: str, within_s: float = 60.0) -> dict[str, Any]:
        """The next message of that type."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            line = self._file.readline()
            assert line, "the server has closed the connection"
            assert line.endswith(b"\n")
            message = json.loads(line)
            if message["msg_type"] == kind:
                return message
        raise AssertionError(f"no {kind} within {within_s} s")

    def into(self, scene: str) -> "RawClient":
        """From the menu to a car."""
        self.send({"msg_type": "load_scene", "scene_name": scene})
        self.next("car_loaded")
        return self

    def ended(self, within_s: float = 10.0) -> bool:
        """Whether the server closes the connection."""
        self.socket.settimeout(within_s)
        with contextlib.suppress(TimeoutError):
            try:
                while self.socket.recv(65536):
                    pass
            except ConnectionError:
                pass
            return True
        return False

    def close(self) -> None:
        self._file.close()
        self.socket.close()


def control(steering: float = 0.0, throttle: float = 0.0, brake: float = 0.0) -> dict[str, str]:
    return {"msg_type": "control", "steering": str(steering), "throttle": str(throttle), "brake": str(brake)}


@contextmanager
def simulator(talk: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """A simulator that does with each connection what `talk` does, and then closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[:2]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
