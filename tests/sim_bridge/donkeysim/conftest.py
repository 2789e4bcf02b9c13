"""A server of ours in this process, on a port of its own."""

import threading
from collections.abc import Callable, Iterator

import pytest

from sim_bridge.donkeysim.server import Server


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[str, int]]]:
    """Start a server with these options; returns host and port. All end with the test."""
    servers: list[tuple[Server, threading.Thread]] = []

    def start(*, port: int = 0, **options: object) -> tuple[str, int]:
        server = Server(**options)
        at = server.listen(port=port)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        servers.append((server, thread))
        return at

    yield start
    for server, thread in servers:
        server.stop()
        thread.join(5)
        assert not thread.is_alive()
