"""Is a policy that chooses its throttle faster than one that does not? `.venv/bin/python -m scripts.throttle MODEL`

On tracks whose tightest bend does not allow the highest throttle: those on which the same policy, held to it, leaves
the road. Beside the policy's own throttle every constant one, in steps of 0.02. Without TensorFlow; some minutes.
"""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from models.folder import load_model
from sim_bridge.distributions import TABLES
from trainer.evaluation import Chooser, TrackResult, drive_tracks, greedy, with_throttle

STEP = 0.02
SEED = 0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("model", type=Path)
    options.add_argument("--tracks", type=int, default=50)
    options.add_argument("--laps", type=int, default=2)
    options.add_argument("--table", default="racing", choices=TABLES)
    chosen = options.parse_args()
    model = load_model(chosen.model)
    contract = model.contract

    def advantages(observations: np.ndarray, _: np.ndarray) -> np.ndarray:
        return np.stack([model.policy.advantages(observation) for observation in observations])

    policy = greedy(advantages, contract)

    def drive(choose: Chooser) -> list[TrackResult]:
        return drive_tracks(choose, contract, chosen.tracks, chosen.laps, SEED, TABLES[chosen.table])

    lowest, cap = contract.actions.throttle[0], contract.actions.throttle[-1]
    constants = np.arange(cap, lowest - STEP / 2, -STEP).round(2).tolist()
    by_constant = {throttle: drive(with_throttle(policy, throttle)) for throttle in constants}
    own = drive(policy)
    hard = [track for track, result in enumerate(by_constant[cap]) if result.off_road]
    allowed = sum(own[track].off_road for track in hard)

    title = f"{len(hard)} of {chosen.tracks} tracks do not allow {cap:g}"
    table = Table("throttle", "off the road", "lap", title=title)
    best = by_constant[lowest]
    for throttle, results in by_constant.items():
        off_road = sum(results[track].off_road for track in hard)
        table.add_row(f"{throttle:.2f}", f"{off_road}", f"{_lap_s(results, hard):.2f} s")
        if off_road <= allowed and _lap_s(results, hard) < _lap_s(best, hard):
            best = results
    table.add_row("the policy's", f"{allowed}", f"{_lap_s(own, hard):.2f} s", style="bold")
    Console().print(table)
    both = [track for track in hard if own[track].finished and best[track].finished]
    less = 1 - _lap_s(own, both) / _lap_s(best, both)
    print(f"beside the best constant throttle with no more off the road, a lap takes {less:.0%} less time")


def _lap_s(results: list[TrackResult], tracks: list[int]) -> float:
    """Mean of those that were finished."""
    laps_s = [lap_s for track in tracks if (lap_s := results[track].lap_s) is not None]
    return float(np.mean(laps_s)) if laps_s else float("nan")


if __name__ == "__main__":
    main()
