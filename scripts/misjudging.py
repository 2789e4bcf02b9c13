"""How well a driver must see where he stands: `.venv/bin/python -m scripts.misjudging`, some minutes.

He takes the best of the rolled-out values in worlds of `real`, knows his car and how the road bends, and looks at no
picture; but he takes himself to stand elsewhere on the road, and turned. Half of each error's variance stays for the
whole drive, as where a camera was mounted askew; half comes and goes within half a second. Makes the figures of a part
of docs/sim2real.md. Without TensorFlow.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from models.contract import ActionTable, Contract
from models.decision import Decisions, decide
from scripts.pages import here_and_now, put_into
from scripts.sim2real import metres_each
from settings import PROJECT
from sim_bridge.distributions import TABLES
from sim_bridge.rollout import SCALE, rolled_out_values
from sim_bridge.simulator import Simulator
from trainer.evaluation import TrackResult, drive_tracks, summarise

PAGE, BEGIN, END = PROJECT / "docs" / "sim2real.md", "<!-- misjudged -->", "<!-- misjudged: end -->"
WORLDS, BATCH, SEED = 100, 25, 0
# Standard deviations: of the place in half widths of the road, of the heading in rad.
ERRORS = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.16), (0.2, 0.08), (0.4, 0.08), (0.2, 0.16), (0.4, 0.16), (0.5, 0.22))
CORRELATION_S = 0.5  # of what comes and goes


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    rows = [
        f"{WORLDS} worlds, one lap; {here_and_now()}.",
        "",
        "| place off by, half widths | heading off by, rad | finished | metres for each time off the road |",
        "|---|---|---|---|",
    ]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for place, heading_rad in ERRORS:
            batches = pool.map(partial(drive, place, heading_rad), range(0, WORLDS, BATCH))
            driven = [one for batch in batches for one in batch]
            finished = summarise(driven).finished
            rows.append(f"| {place} | {heading_rad} | {finished} of {WORLDS} | {metres_each(driven)} |")
            print(rows[-1], flush=True)
    put_into(PAGE, BEGIN, END, "\n".join(rows))


def drive(place: float, heading_rad: float, first: int) -> list[TrackResult]:
    """What becomes of BATCH cars, the first of that number, under drivers who err so far."""
    contract = Contract()
    actions = contract.actions.model_copy(update={"decoding": "expectation"})
    driver = Misjudging(actions, BATCH, np.array([[place], [heading_rad]]), contract.observation.period_s, first)
    table = TABLES["real"]
    return drive_tracks(driver, contract, BATCH, 1, SEED, table=table, first_track=first, looks=False)


class Misjudging:
    """A chooser who knows the road and misjudges where he stands. error: (2, 1), as ERRORS has them."""

    def __init__(self, actions: ActionTable, cars: int, error: np.ndarray, period_s: float, seed: int) -> None:
        self._actions, self._error, self._rng = actions, error / np.sqrt(2), np.random.default_rng(seed)
        self._stays = self._error * self._rng.standard_normal((2, cars))
        self._goes = self._error * self._rng.standard_normal((2, cars))
        self._left = np.exp(-period_s / CORRELATION_S)

    def __call__(self, _: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        new = np.sqrt(1 - self._left**2) * self._error
        self._goes = self._left * self._goes + new * self._rng.standard_normal(self._goes.shape)
        place, turned_rad = self._stays + self._goes
        seen = simulator.misjudged(place * simulator.state.half_width_m, turned_rad)
        values = SCALE * rolled_out_values(seen, self._actions)
        return decide(values[cars], self._actions, simulator.bicycles.commanded_steering[cars])


if __name__ == "__main__":
    main()
