"""Benchmarks side by side: each contestant in a process of its own, asked for its rounds in turn.

What else the machine does then falls on all of them alike, and the median of several rounds is little moved by it.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from errors import UserError
from settings import PROJECT

PEERS_PYTHON = PROJECT / ".peers" / "bin" / "python"
INSTALL_PEERS = "make peers"  # the line to type where the peers are missing
PAUSE_S = 0.3  # between rounds: the threads of the one before spin a little while after their work


class Contestant:
    """A module of this project, run by the given Python: it answers each request with the figures of one round."""

    def __init__(self, name: str, module: str, options: dict[str, Any], cores: set[int], python: Path | None = None):
        """Returns when the module is ready for its first round; raises UserError where it ends before.

        options: JSON values for the module; cores: the numbers of those it may run on.
        """
        self.name = name
        threads = str(len(cores))
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the process
        self._process = subprocess.Popen(  # noqa: S603, our own modules
            [python or sys.executable, "-m", module, json.dumps(options | {"cores": sorted(cores)})],
            cwd=PROJECT,
            env=os.environ
            | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
            | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYGAME_HIDE_SUPPORT_PROMPT": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self._answer()

    def round(self) -> dict[str, float]:
        """The figures of one more round. Raises UserError where the process ends before."""
        self._process.stdin.write("round\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, float]:
        answer = self._process.stdout.readline()
        if not answer:
            self.close()
            self._complaints.seek(0)
            complaint = self._complaints.read().strip().splitlines() or ["it said nothing"]
            raise UserError(f"{self.name} could not be measured: {complaint[-1]}")
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def figures(contestants: Sequence[Contestant], rounds: int, tick: Callable[[], None]) -> list[dict[str, float]]:
    """The median of each figure over so many rounds, taken in turn; all processes are ended. tick: after each one."""
    try:
        measured = []
        for _ in range(rounds):
            for contestant in contestants:
                time.sleep(PAUSE_S)
                measured.append(contestant.round())
                tick()
    finally:
        for contestant in contestants:
            contestant.close()
    return [
        {key: median(one[key] for one in measured[start :: len(contestants)]) for key in measured[start]}
        for start in range(len(contestants))
    ]


def report(
    bench: Callable[[Callable[[int, int], None]], Any], print_table: Callable[[Any, Console], None], *, as_json: bool
) -> None:
    """Run bench(tick) under a progress bar, then print its result's as_json(), or its table."""
    with Progress(
        TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True)
    ) as bars:
        task = bars.add_task("measuring", total=None)
        result = bench(lambda done, of: bars.update(task, completed=done, total=of))
    if as_json:
        print(json.dumps(result.as_json()))
    else:
        print_table(result, Console())


@dataclass(frozen=True)
class Machine:
    """Where it was measured: without it no figure means anything."""

    cpu: str
    cores: int
    python: str
    load: float  # processes that ran or wanted to, on average over the last minute, before the first round

    def __str__(self) -> str:
        busy = f"; load {self.load:.1f} before it began: the machine was busy" if self.load > 0.5 else ""
        return f"{self.cpu}, {self.cores} of {os.cpu_count()} cores, Python {self.python}{busy}"


def machine(cores: set[int]) -> Machine:
    """This machine, of which so many cores are used."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = dict(line.replace("\t", "").split(": ", 1) for line in lines if ": " in line)
    cpu = named.get("model name") or named.get("Model") or platform.machine()
    return Machine(cpu, len(cores), platform.python_version(), os.getloadavg()[0])
