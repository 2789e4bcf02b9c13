"""Programs of other people drive our server: gym-donkeycar 1.0.13 from PyPI, and donkeycar's own DonkeyGymEnv."""

import importlib.util
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from settings import PROJECT

GYM_PYTHON = PROJECT / ".peers-gym" / "bin" / "python"
CLIENT = Path(__file__).parent / "gym_client.py"
pytestmark = pytest.mark.skipif(not GYM_PYTHON.exists(), reason="gym-donkeycar is not here: type `make peers-gym`")


@contextmanager
def dialling(*ports: int, lockstep: bool = False) -> Iterator[Path]:
    """`sim serve` that connects to clients on these ports."""
    dial = [word for port in ports for word in ("--dial", f"127.0.0.1:{port}")]
    command = [sys.executable, "manage.py", "sim", "serve", *dial, *(["--lockstep"] if lockstep else [])]
    server = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        server.terminate()
        _, log = server.communicate(timeout=20)
        assert server.returncode == 0, log
        assert "Traceback" not in log


def client(port: int, env: str, steps: int, episodes: int = 1, part: str = "") -> subprocess.Popen:
    command = [GYM_PYTHON, CLIENT, str(port), env, str(steps), str(episodes), *([part] if part else [])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process: subprocess.Popen) -> dict:
    out, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return json.loads(out.strip().splitlines()[-1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def check(found: dict, steps: int) -> None:
    assert found["steps"] == steps
    assert found["shapes"] == [[120, 160, 3]]
    assert found["speed"] > 0.1
    assert found["cte"][0] < found["cte"][1]


@pytest.mark.parametrize("lockstep", [False, True])
def test_gym_donkeycar_drives_closes_and_comes_back_to_another_scene(lockstep: bool) -> None:
    port = free_port()
    with dialling(port, lockstep=lockstep):
        check(result(client(port, "donkey-generated-track-v0", 20, episodes=2)), 20)
        check(result(client(port, "donkey-warehouse-v0", 10)), 10)


@pytest.mark.slow
@pytest.mark.parametrize("lockstep", [False, True])
def test_two_of_them_drive_a_thousand_steps_each_at_once(lockstep: bool) -> None:
    ports = free_port(), free_port()
    with dialling(*ports, lockstep=lockstep):
        clients = [client(port, "donkey-generated-track-v0", 1000, episodes=4) for port in ports]
        for one in clients:
            found = result(one)
            print(found)
            check(found, 1000)


def test_donkeycars_own_part_drives() -> None:
    donkeycar = importlib.util.find_spec("donkeycar")
    part = Path(donkeycar.origin).parent / "parts" / "dgym.py"
    port = free_port()
    with dialling(port):
        found = result(client(port, "donkey-generated-track-v0", 60, part=str(part)))
    assert found["shapes"] == [[120, 160, 3]]
    assert found["alive"]
    assert found["places"] > 5
