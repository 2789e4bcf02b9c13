"""A launcher in a thread of a program that does something else meanwhile."""

import asyncio
import contextlib
import threading
from typing import Any, Self

from sim_bridge.launcher.server import Server


class RunningServer:
    """As a context manager it ends with the block. When the program ends, of whatever, the simulators end too."""

    def __init__(self, server: Server) -> None:
        self.port, self.ports = server.port, server.ports
        self._loop, self._ending = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=[server], name="launcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when no simulator is left. May be called again."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def _run(self, server: Server) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(server.serve(self._ending))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start_server(*arguments: Any, **options: Any) -> RunningServer:
    """Serving when this returns. Arguments and errors are Server's."""
    return RunningServer(Server(*arguments, **options))
