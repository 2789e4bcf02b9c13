"""`bench learner`: our update and our training loop beside Stable-Baselines3's DQN, each on all cores in its turn.

Same network, same batch, same environment, same updates a frame. TensorFlow and torch live in processes of their own.
"""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from sim_bridge.rounds import INSTALL_PEERS, PEERS_PYTHON, Contestant, Machine, figures, machine
from trainer.hyperparameters import Hyperparameters

OURS, PEER = "trainer.bench_ours", "trainer.bench_dqn"
SHARED = ("envs", "batch", "updates_per_round", "learning_rate", "gamma", "gradient_clip")
LOOP = {
    "epsilon": 0.05,
    "learning_starts": 500,
}  # both choose by their networks, which are new, and soon leave the road


@dataclass(frozen=True)
class Result:
    """One learner. None where it has no such figure."""

    name: str
    ms_per_update: float | None  # batches at hand
    ms_with_sampling: float  # batches drawn from the memory
    frames_per_s: float  # of the whole loop
    learning_share: float  # of the loop's time, by the two figures before


@dataclass(frozen=True)
class LearnerBench:
    """What `bench learner` found."""

    machine: Machine
    rounds: int
    updates: int  # in a round
    frames: int  # in a round of the loop
    results: list[Result]  # ours, and the peer's where it is installed

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def bench_learner(rounds: int, updates: int, frames: int, tick: Callable[[int, int], None]) -> LearnerBench:
    """Measure; tick is called with the number of rounds done and of all. Raises UserError where a contestant fails."""
    cores = os.sched_getaffinity(0)
    where = machine(cores)
    settings = Hyperparameters()
    names = ["ours"]
    contestants = [
        Contestant("our update", OURS, {"updates": updates}, cores),
        Contestant("our loop", OURS, {"frames": frames} | LOOP, cores),
    ]
    if PEERS_PYTHON.exists():
        names.append("Stable-Baselines3 DQN")
        shared = LOOP | {name: getattr(settings, name) for name in SHARED} | {"threads": len(cores)}
        contestants += [
            Contestant("DQN's update", PEER, {"updates": updates} | shared, cores, PEERS_PYTHON),
            Contestant("DQN's loop", PEER, {"frames": frames} | shared, cores, PEERS_PYTHON),
        ]
    done = iter(range(1, rounds * len(contestants) + 1))
    medians = figures(contestants, rounds, lambda: tick(next(done), rounds * len(contestants)))
    results = []
    for name, update, loop in zip(names, medians[::2], medians[1::2], strict=True):
        update_s = update["ms_with_sampling"] / 1e3
        share = update_s * settings.updates_per_round / settings.envs * loop["frames_per_s"]
        results.append(
            Result(name, update.get("ms_per_update"), update["ms_with_sampling"], loop["frames_per_s"], share)
        )
    return LearnerBench(where, rounds, updates, frames, results)


def print_table(result: LearnerBench, console: Console) -> None:
    """For a person."""
    table = Table(title="Learners, one update of 64 transitions", caption=str(result.machine))
    table.add_column("")
    for one in result.results:
        table.add_column(one.name, justify="right")
    rows: list[tuple[str, Callable[[Result], str]]] = [
        ("ms an update, batch at hand", lambda one: "" if one.ms_per_update is None else f"{one.ms_per_update:.2f}"),
        ("ms an update, drawn from memory", lambda one: f"{one.ms_with_sampling:.2f}"),
        ("updates/s, drawn from memory", lambda one: f"{1e3 / one.ms_with_sampling:,.0f}"),
        ("frames/s of the whole loop", lambda one: f"{one.frames_per_s:,.0f}"),
        ("of which learning", lambda one: f"{one.learning_share:.0%}"),
    ]
    for heading, show in rows:
        table.add_row(heading, *map(show, result.results))
    console.print(table)
    settings = Hyperparameters()
    console.print(
        f"medians of {result.rounds} rounds in turn; {settings.envs} cars, {settings.updates_per_round} updates a step"
    )
    if not PEERS_PYTHON.exists():
        console.print(f"Stable-Baselines3 is not installed; to see it beside, type `{INSTALL_PEERS}`")
