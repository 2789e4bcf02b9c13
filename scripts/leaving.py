"""Draws the last second of cars that leave the road: `.venv/bin/python -m scripts.leaving [--model M] [--table T]`.

Five pictures a car, the oldest first, as the policy sees them: yellow is what it steers, cyan the best by rolled-out
values, which know the road; the offset is in half widths. Below each of them the road is green. So it can be seen
whether a person would have stayed on it. Without TensorFlow, some minutes.
"""

import argparse
from collections import defaultdict, deque
from pathlib import Path

import cv2
import numpy as np

from car.wheel import PRETRAINED_REAL
from errors import UserError
from models.contract import Contract
from models.decision import Decisions, decide
from models.folder import load_model
from models.pictures import CYAN, YELLOW, draw_steering, sheet, write_png, write_text
from settings import PROJECT
from sim_bridge.distributions import TABLES
from sim_bridge.rollout import SCALE, rolled_out_values
from sim_bridge.simulator import Simulator
from trainer.evaluation import Chooser, drive_tracks, greedy

CARS, LAPS, SEED = 50, 1, 0
EVERY, PICTURES = 5, 5  # steps between two pictures, and how many of a car: the last second at 20 Hz
COLUMNS, ROWS = 3, 12  # of cars; more are not drawn
ENLARGED, GAP = 2, 4
CELLS, GREEN, DEEP = 32, np.array([0, 150, 0]), 0.4  # the road is drawn in CELLS x CELLS parts, and so much of it green


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--model", type=Path, default=PRETRAINED_REAL)
    options.add_argument("--table", choices=sorted(TABLES), default="real")
    options.add_argument("--out", type=Path, default=PROJECT / "reports" / "leaving.png")
    chosen = options.parse_args()
    try:
        model = load_model(chosen.model)
    except UserError as error:
        options.error(str(error))
    choose = greedy(lambda seen, _: np.stack([model.policy.advantages(one) for one in seen]), model.contract)
    witness = Witness(choose, model.contract)
    results = drive_tracks(witness, model.contract, CARS, LAPS, SEED, table=TABLES[chosen.table])
    left = [car for car, result in enumerate(results) if result.off_road]
    print(f"{len(left)} of {CARS} cars left the road")
    if left:
        print(f"half of them within {np.median([results[car].driven_m for car in left]):.1f} m")
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        write_png(chosen.out, sheet([witness.last_second(car) for car in left[: COLUMNS * ROWS]], COLUMNS, ROWS, GAP))
        print(f"how {min(len(left), COLUMNS * ROWS)} of them did is drawn in {chosen.out}")


class Witness:
    """A chooser that keeps the last second of each car."""

    def __init__(self, choose: Chooser, contract: Contract) -> None:
        self._choose, self._actions = choose, contract.actions
        self._seen: dict[int, deque[np.ndarray]] = defaultdict(lambda: deque(maxlen=EVERY * (PICTURES - 1) + 1))

    def __call__(self, observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        decided, commanded = self._choose(observations, cars, simulator), simulator.bicycles.commanded_steering
        best = decide(SCALE * rolled_out_values(simulator, self._actions), self._actions, commanded).steering
        offset = simulator.state.offset_m / simulator.state.half_width_m
        for view, car, steering in zip(observations[..., -1], cars.tolist(), decided.steering, strict=True):
            on_road = np.abs(simulator.road_seen(car, CELLS)) <= 1  # what is no floor is NaN
            self._seen[car].append(_picture(view, on_road, steering, best[car], offset[car]))
        return decided

    def last_second(self, car: int) -> np.ndarray:
        """RGB, uint8: that car's pictures beside each other, black where it has not driven for so long."""
        pictures = list(self._seen[car])[::-EVERY][::-1]
        return sheet([*[np.zeros_like(pictures[0])] * (PICTURES - len(pictures)), *pictures], PICTURES, 1)


def _picture(view: np.ndarray, on_road: np.ndarray, steering: float, best: float, offset: float) -> np.ndarray:
    """view: uint8 (size, size), what the policy sees last; on_road: bool (CELLS, CELLS), of its parts."""
    large = cv2.resize(view, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_NEAREST)
    large = cv2.cvtColor(large, cv2.COLOR_GRAY2RGB)
    picture = draw_steering(draw_steering(large, best, CYAN), steering, YELLOW)
    write_text(picture, f"{offset:+.1f}", 3, 12, scale=0.35)
    road = cv2.resize(on_road.astype(np.uint8), large.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    large[road] = (1 - DEEP) * large[road] + DEEP * GREEN
    return np.vstack([picture, large])


if __name__ == "__main__":
    main()
