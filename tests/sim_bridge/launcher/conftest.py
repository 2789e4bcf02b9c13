from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sim_bridge.launcher import Client, RunningServer, start_server
from tests.sim_bridge.launcher.parts import SECRET, StandIn, free_ports, wait_until

Launch = Callable[..., tuple[RunningServer, StandIn]]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PS", raising=False)
    monkeypatch.delenv("SIM_PATH", raising=False)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """launch(how, **options): a launcher of stand-ins. Whatever a test does, none of them is left when it has ended."""
    launched: list[tuple[RunningServer, StandIn]] = []

    def start(how: str = "well", most: int = 3, **options: Any) -> tuple[RunningServer, StandIn]:
        stand_in = StandIn(tmp_path, how)
        server = start_server(
            port=0, secret=SECRET, sim_path=str(stand_in.program), most=most, first_port=free_ports(most), **options
        )
        launched.append((server, stand_in))
        return launched[-1]

    yield start
    for server, _ in launched:
        server.close()
    assert wait_until(lambda: not any(stand_in.living() for _, stand_in in launched))


@pytest.fixture
def connect() -> Iterator[Callable[[RunningServer], Client]]:
    """connect(server): a client, closed when the test has ended."""
    clients: list[Client] = []

    def client(server: RunningServer) -> Client:
        clients.append(Client("127.0.0.1", server.port, SECRET))
        return clients[-1]

    yield client
    for one in clients:
        one.close()
