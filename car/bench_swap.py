"""`bench swap`: the loop while new models come from a store, are tested and take over between two frames (`drive
--follow --hot`), beside the same loop left alone. Frame to pulse, as `bench loop` measures it.

    python -m car.bench_swap JSON      one run, in a process of its own
"""

import json
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from car.bench_elsewhere import stand_aside
from car.bench_loop import FRAME_TO_PULSE, RATE_HZ, run_beside
from car.bench_ours import measure
from car.follower import Channel, Follower
from car.handover import Handover
from car.wheel import PRETRAINED
from models.folder import FLOAT, GOLDEN, MODEL, load_model, write_model
from models.signing import load_trusted, make_key
from models.store import promote, push, read_state
from storage.files import write_file
from storage.place import open_place

CHANNEL = "stable"
EVERY_S = 3.0  # a new model
KINDS = {False: "left alone", True: "with new models"}


@dataclass(frozen=True)
class Run:
    """Milliseconds from frame to pulse; and counts."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    missed: int
    swaps: int


@dataclass(frozen=True)
class SwapBench:
    """What `bench swap` found: the runs of each kind."""

    machine: str
    frames: int
    rate_hz: float
    runs: dict[str, list[Run]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def bench_swap(runs: int, frames: int, machine: str, tick: Callable[[int, int], None]) -> SwapBench:
    """So many runs of each kind, in turn. tick: called with the runs done and of all. Raises UserError where one
    fails."""
    found: dict[str, list[Run]] = {name: [] for name in KINDS.values()}
    for number in range(runs):
        for hot, name in KINDS.items():
            found[name].append(_one(frames, hot=hot))
            tick(2 * number + hot + 1, 2 * runs)
    return SwapBench(machine, frames, RATE_HZ, found)


def print_table(result: SwapBench, console: Console) -> None:
    """For a person."""
    table = Table(title="Frame ready to pulse written, ms", caption=result.machine)
    table.add_column("")
    for heading in ("p50", "p99", "max", "frames missed", "models that took over"):
        table.add_column(heading, justify="right")
    for name, runs in result.runs.items():
        typical = [np.median([getattr(run, column) for run in runs]) for column in ("p50_ms", "p99_ms", "max_ms")]
        counted = [sum(run.missed for run in runs), sum(run.swaps for run in runs)]
        table.add_row(name, *(f"{value:.2f}" for value in typical), *map(str, counted))
    console.print(table)
    of = len(result.runs[KINDS[True]])
    console.print(f"medians, and sums, of {of} runs of {result.frames} frames at {result.rate_hz:.0f} Hz")


def _one(frames: int, *, hot: bool) -> Run:
    with tempfile.TemporaryDirectory() as folder, _publishing(Path(folder), frames) if hot else _nothing():
        return Run(**run_beside("car.bench_swap", {"frames": frames, "folder": folder, "hot": hot}))


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _publishing(car: Path, frames: int) -> Iterator[None]:
    """A workstation, in a thread of this process: so many models are pushed before, and promoted one after the other
    meanwhile."""
    place, key = open_place(car / "store"), make_key(car)
    trusted = load_trusted(car)
    write_file(car / "settings.toml", b"[models]\npoll_s = 0.5\n")
    digests = [push(place, _variant(car / "made", number), key) for number in range(int(frames / RATE_HZ / EVERY_S))]
    over = threading.Event()

    def publish() -> None:
        stand_aside()
        for digest in digests:
            promote(place, read_state(place, CHANNEL, trusted), digest, key, trusted)
            if over.wait(EVERY_S):
                return

    thread = threading.Thread(target=publish)
    thread.start()
    yield
    over.set()
    thread.join()


def _variant(folder: Path, number: int) -> Path:
    """The shipped model under a name of its own."""
    model = load_model(PRETRAINED)
    with np.load(PRETRAINED / GOLDEN) as golden:
        observations = golden["observations"]
    files = {name: (PRETRAINED / name).read_bytes() for name in (MODEL, FLOAT)}
    manifest = model.manifest.model_dump(exclude={"files"}) | {"name": f"variant-{number}"}
    write_model(folder / str(number), files, observations, manifest)
    return folder / str(number)


def _drive(frames: int, folder: Path, *, hot: bool) -> Run:
    handover = Handover(load_model(PRETRAINED), hot=True)
    follower = Follower(folder, handover, Channel(CHANNEL, str(folder / "store"))) if hot else None
    found = measure(frames, RATE_HZ, None, folder, handover, follower)
    p50_ms, p99_ms, max_ms = np.percentile([sample[FRAME_TO_PULSE] for sample in found.samples], [50, 99, 100])
    return Run(float(p50_ms), float(p99_ms), float(max_ms), found.missed, found.swaps)


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    print(json.dumps(asdict(_drive(options["frames"], Path(options["folder"]), hot=options["hot"]))))
