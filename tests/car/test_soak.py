"""A long drive in real time: how much memory, which thread computes how much, what was late.

SOAK_S=1800 .venv/bin/python -m pytest -m slow -s tests/car/test_soak.py     prints it, for half an hour
"""

import json
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from car.logbook import FILM_S
from tests.car.hazards import Chip, Drive

SOAK_S = float(os.environ.get("SOAK_S", "90"))
WARM_S = FILM_S + 20  # until then the drive's film grows, and buffers do
ROWS = 30  # of what is printed
MOST_MB = 200
MOST_GROWTH_MB = 5
SPINS = 0.5  # of a processor: a thread that waits for the next frame is far below, one that waits for nothing at 1


@dataclass
class Watched:
    """A process, as the kernel sees it."""

    name: str
    pid: int

    def memory_mb(self, kind: str = "VmRSS") -> float:
        """VmRSS: resident now; VmHWM: at most, so far; 0 of one that has ended."""
        found = re.search(rf"{kind}:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def cpu_s(self) -> dict[str, float]:
        """Of each thread, by its number and name."""
        threads = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
            user, system = rest.split()[11:13]
            threads[f"{task.name} {name}"] = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        return threads

    def libraries(self) -> str:
        return Path(f"/proc/{self.pid}/maps").read_text()


@pytest.mark.slow
def test_a_long_drive_stays_as_it_began(tmp_path: Path) -> None:
    assert SOAK_S > WARM_S
    chip = Chip(tmp_path)
    with (tmp_path / "shown").open("w") as shown:
        drive = Drive(tmp_path, "--port", "0", stdout=shown)
    try:
        chip.wait_moving()
        began_s = time.monotonic()
        processes = [Watched("drive", drive.process.pid), Watched("guardian", drive.guardian_pid())]
        time.sleep(WARM_S)
        warm_s, warm_mb = time.monotonic(), [watched.memory_mb() for watched in processes]
        before = [watched.cpu_s() for watched in processes]
        print(f"\n{'minutes':>8}{'drive MB':>10}{'guardian MB':>13}")
        while (at_s := time.monotonic() - began_s) < SOAK_S:
            print(f"{at_s / 60:8.1f}{processes[0].memory_mb():10.1f}{processes[1].memory_mb():13.1f}", flush=True)
            time.sleep(min(SOAK_S / ROWS, SOAK_S - at_s))
        assert drive.process.poll() is None
        assert not chip.now().neutral, (tmp_path / "shown").read_text()[-500:]
        for watched, memory_mb, cpu_s in zip(processes, warm_mb, before, strict=True):
            assert watched.memory_mb() <= memory_mb + MOST_GROWTH_MB, watched.name
            assert "/tensorflow/" not in watched.libraries()
            for thread, spent_s in watched.cpu_s().items():
                share = (spent_s - cpu_s.get(thread, 0.0)) / (time.monotonic() - warm_s)
                print(f"{watched.name}: thread {thread}: {100 * share:.2f} % of a processor")
                assert share < SPINS, thread
        drive.process.send_signal(signal.SIGINT)
        most_mb = 0.0
        while drive.process.poll() is None:  # it draws the film now
            most_mb = max(most_mb, processes[0].memory_mb("VmHWM"))
            time.sleep(0.02)
        print(f"drive: {most_mb:.0f} MB at most")
        assert most_mb < MOST_MB
        assert drive.process.returncode == 0, drive.process.communicate()[1]
        *_, last = (tmp_path / "shown").read_text().splitlines()
        (summary,) = (tmp_path / "drives").glob("*/summary.json")
        print(last, f"{json.loads(summary.read_text())['frames']} frames", sep="\n")
        assert re.search(r"late frames \d+ ", last)
    finally:
        drive.end()
        chip.close()
