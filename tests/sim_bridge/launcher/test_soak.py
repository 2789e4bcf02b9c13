"""A crowd of clients who crash and vanish, on simulators that do so too: no process, port or slot is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from settings import PROJECT
from sim_bridge.launcher import Client
from tests.sim_bridge.launcher.parts import SECRET, StandIn, free_ports, listens, wait_until

MOST = 16


@pytest.mark.parametrize("clients", [27, pytest.param(200, marks=pytest.mark.slow)])
def test_nothing_is_left_behind(tmp_path: Path, clients: int) -> None:
    stand_in, port = StandIn(tmp_path, "mixed"), free_ports(1 + MOST)
    first = port + 1
    command = [sys.executable, "manage.py", "sim", "launcher", "--port", str(port), "--first-port", str(first)]
    command += ["--most", str(MOST), "--idle-s", "3", "--start-s", "2"]
    environment = {"PATH": os.environ["PATH"], "PS": SECRET, "SIM_PATH": str(stand_in.program)}
    log = tmp_path / "launcher.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=errors) as launcher,
    ):
        try:
            # it takes connections a moment before its loop runs, and holds less then
            assert wait_until(lambda: "listening on" in log.read_text())
            before = resources(launcher.pid)
            crowd = [sys.executable, "-m", "tests.sim_bridge.launcher.crowd", str(port), str(clients), "1"]
            with subprocess.Popen(crowd, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as people:
                assert people.stdout is not None
                print(people.stdout.readline().decode())
                # those who are frozen are still connected
                assert wait_until(lambda: nothing_runs(stand_in, launcher.pid)), log.read_text()
            with Client("127.0.0.1", port, SECRET) as client:
                report = client.status()
                print(f"{report.started} simulators started, {report.refused} connections refused")
                assert report.slots == ()
                assert report.started > clients / 3
                assert report.refused >= 2 * (clients // 9)
            assert not any(listens(port) for port in range(first, first + MOST))
            assert wait_until(lambda: resources(launcher.pid) == before)
            assert "Traceback" not in log.read_text()
        finally:
            launcher.terminate()
    assert launcher.returncode == 0
    assert not stand_in.living()


def resources(pid: int) -> tuple[int, int]:
    """Open files and threads of a process."""
    return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))


def nothing_runs(stand_in: StandIn, launcher: int) -> bool:
    return not stand_in.living() and not Path(f"/proc/{launcher}/task/{launcher}/children").read_text()
