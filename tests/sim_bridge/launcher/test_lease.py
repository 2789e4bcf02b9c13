"""launcher:// as an environment: a simulator of our own for each car, the real one, started when it is needed."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from errors import UserError
from sim_bridge import make_env, make_vector_env
from sim_bridge.donkeysim.client import SimulatorLost
from sim_bridge.launcher import Client, start_server
from sim_bridge.launcher.lease import Lease
from tests.sim_bridge.launcher.parts import SECRET, free_ports, wait_until


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch):
    """A launcher of `manage.py sim serve --lockstep`."""
    monkeypatch.setenv("PS", SECRET)
    with start_server(port=0, first_port=free_ports(3), most=3, start_s=240, lockstep=True) as server:
        yield server


def simulators(port: int) -> int:
    with Client("127.0.0.1", port) as client:
        return len(client.status().slots)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_each_car_has_a_simulator_and_gets_another_when_it_has_lost_it(served) -> None:
    told: list[str] = []
    env = make_vector_env(2, f"launcher://127.0.0.1:{served.port}", tell=told.append)
    env.reset(seed=1)
    with Client("127.0.0.1", served.port) as client:
        assert {slot.port for slot in client.status().slots} == set(served.ports[:2])
    started = [pid for task in os.listdir("/proc/self/task") for pid in _children_of_thread(task)]
    wardens = [pid for pid in started if b"warden" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    victim = children(wardens[0])[0]
    os.kill(victim, signal.SIGKILL)
    lost = np.zeros(2, bool)
    for _ in range(20):
        _, _, _, truncated, infos = env.step(np.array([3, 3]))
        lost |= infos["lost"]
        assert (truncated >= infos["lost"]).all()
    assert lost.sum() == 1
    assert len(told) == 1
    assert simulators(served.port) == 2
    env.close()
    assert wait_until(lambda: simulators(served.port) == 0)


def _children_of_thread(task: str) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/self/task/{task}/children").read_text().split()]
    except FileNotFoundError:
        return []  # a thread that has just ended


def test_one_car_gives_its_simulator_back(served) -> None:
    env = make_env(f"launcher://127.0.0.1:{served.port}")
    env.reset(seed=1)
    assert simulators(served.port) == 1
    env.close()
    assert wait_until(lambda: simulators(served.port) == 0)


def test_a_launcher_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PS", SECRET)
    env = make_env(f"launcher://127.0.0.1:{free_ports(1)}")
    with pytest.raises(SimulatorLost, match="does not answer: Connection refused"):
        env.reset()
    env.close()


def test_no_secret_is_told_before_anything_else() -> None:
    with pytest.raises(UserError, match="export PS="):
        make_env("launcher://127.0.0.1")


def test_a_hung_simulator_is_ended_before_another_is_asked_for(launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PS", SECRET)
    server, stand_in = launch(most=1)
    lease = Lease("127.0.0.1", server.port)
    lease()
    os.kill(stand_in.all()[0], signal.SIGSTOP)
    lease()
    assert len(stand_in.all()) == 2
    assert len(stand_in.living()) == 1
    lease.close()


def test_a_launcher_that_comes_back_is_asked_again(launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PS", SECRET)
    server, stand_in = launch()
    lease = Lease("127.0.0.1", server.port)
    lease()
    server.close()
    for _ in range(2):
        with pytest.raises(SimulatorLost):
            lease()
    first = server.ports[0]
    with start_server(port=server.port, sim_path=str(stand_in.program), first_port=first, most=1):
        assert lease() == ("127.0.0.1", first)
        lease.close()
