"""`bench sim`: frames a second of the embedded simulator on one core, beside Gymnasium's CarRacing-v3; and by wire,
with client and server on the same one.

Counted is all that a training waits for: the cars' movement, the camera's picture, its preprocessing and the stacking,
and the new worlds at the end of the episodes. What chooses the actions is not counted.
"""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from sim_bridge.distributions import table_named
from sim_bridge.rounds import INSTALL_PEERS, PEERS_PYTHON, Contestant, Machine, figures, machine

CARS = (1, 16, 64)
OURS, WIRE, PEER = "sim_bridge.bench_ours", "sim_bridge.bench_wire", "sim_bridge.bench_car_racing"


@dataclass(frozen=True)
class Result:
    """One row."""

    name: str
    frames_per_s: float
    us_per_frame: float
    times_car_racing: float | None  # None where CarRacing is not installed


@dataclass(frozen=True)
class SimBench:
    """What `bench sim` found."""

    machine: Machine
    rounds: int
    steps: int  # frames an episode
    table: str  # of worlds
    results: list[Result]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def bench_sim(rounds: int, steps: int, table: str, tick: Callable[[int, int], None]) -> SimBench:
    """Measure in the worlds of a table; tick is called with the number of rounds done and of all.

    Raises UserError where there is no such table or a contestant fails.
    """
    table_named(table)
    core = {max(os.sched_getaffinity(0))}
    where = machine(core)
    contestants = [
        Contestant(name, OURS, {"cars": cars, "steps": steps, "table": table, "rgb": rgb}, core)
        for rgb in (False, True)
        for cars in CARS
        for name in [f"{cars} car{'s' * (cars > 1)}, {'160x120 RGB picture' if rgb else 'luma of the road alone'}"]
    ]
    contestants.append(Contestant("1 car by DonkeySim's wire, lock-step", WIRE, {"steps": steps}, core))
    if PEERS_PYTHON.exists():
        contestants.append(Contestant("CarRacing-v3", PEER, {"steps": steps}, core, PEERS_PYTHON))
    done = iter(range(1, rounds * len(contestants) + 1))
    medians = figures(contestants, rounds, lambda: tick(next(done), rounds * len(contestants)))
    slowest_us = medians[-1]["us_per_frame"] if contestants[-1].name == "CarRacing-v3" else None
    return SimBench(
        where,
        rounds,
        steps,
        table,
        [
            Result(one.name, 1e6 / us, us, slowest_us / us if slowest_us else None)
            for one, us in zip(contestants, (median["us_per_frame"] for median in medians), strict=True)
        ],
    )


def print_table(result: SimBench, console: Console) -> None:
    """For a person."""
    table = Table(title="Simulators on one core", caption=str(result.machine))
    table.add_column("simulator")
    for heading in ("frames/s", "µs a frame", "times CarRacing"):
        table.add_column(heading, justify="right")
    for row in result.results:
        ratio = "" if row.times_car_racing is None else f"{row.times_car_racing:.1f}"
        table.add_row(row.name, f"{row.frames_per_s:,.0f}", f"{row.us_per_frame:.1f}", ratio)
    console.print(table)
    worlds = f"new worlds of the table {result.table!r} included"
    console.print(f"medians of {result.rounds} rounds in turn, episodes of {result.steps} frames, {worlds}")
    if not PEERS_PYTHON.exists():
        console.print(f"CarRacing-v3 is not installed; to see it beside, type `{INSTALL_PEERS}`")
