"""What a score on footage says of driving: `.venv/bin/python -m scripts.rooms FOOTAGE [--model M]`, some minutes.

In each world of the table `real` who sees the track drives and the policy looks on, scored as on a clip that a human
drove; then the policy drives there itself. So rooms of the simulator and real ones stand on one scale. Only measures,
without TensorFlow. Makes the figures of a part of docs/sim2real.md.
"""

import argparse
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from car.wheel import PRETRAINED_REAL
from errors import UserError
from models.decision import Decisions
from models.folder import load_model
from models.footage import score_clip, steer_through
from models.score import ScoreError, score_steering
from scripts.pages import here_and_now, put_into
from settings import PROJECT
from sim_bridge.distributions import TABLES
from sim_bridge.simulator import Simulator
from storage.tub import Tub, find_tubs
from trainer.evaluation import Chooser, drive_tracks, greedy, teacher

PAGE, BEGIN, END = PROJECT / "docs" / "sim2real.md", "<!-- rooms -->", "<!-- rooms: end -->"
TABLE = TABLES["real"]
WORLDS, CARS, SEED = 200, 25, 0  # those of scripts.sim2real; and how many at once in a process
LOOKED_ON_LAPS, LAPS = 3, 1  # by who sees the track, and by the policy itself
BANDS = (-1.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of scores, from one to the next


class Room(NamedTuple):
    """scores: of the policy that looks on, and the same with `--still`; None where there is too little to score."""

    scores: tuple[float, float] | None
    finished: bool


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("footage", type=Path)
    options.add_argument("--model", type=Path, default=PRETRAINED_REAL)
    options.add_argument("--worlds", type=int, default=WORLDS)
    chosen = options.parse_args()
    if chosen.worlds < CARS:
        options.error(f"it takes at least {CARS} worlds")
    try:
        model, tubs = load_model(chosen.model), find_tubs(chosen.footage)
    except UserError as error:
        options.error(str(error))
    when = here_and_now()
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        clips = list(pool.map(partial(_clip, model.folder), tubs))
        batches = pool.map(partial(_rooms, model.folder), range(0, chosen.worlds, CARS))
        rooms = [room for batch in batches for room in batch]
    text = f"{len(rooms)} worlds of `real`; {when}.\n\n{bands(rooms, clips)}"
    print(text)
    if (chosen.worlds, chosen.model) == (WORLDS, PRETRAINED_REAL):  # else it is not the page's
        put_into(PAGE, BEGIN, END, text)


def bands(rooms: Sequence[Room], clips: Sequence[tuple[float, float]]) -> str:
    """A row for each band of scores: how many rooms of the simulator are in it, in how many of those the policy
    finishes, and how many clips are in it; all this by the score, and by that with `--still`."""
    scored = [room for room in rooms if room.scores]
    rows = [
        "| score | rooms | finished there | clips | rooms, by `--still` | finished there | clips |",
        "|---|---|---|---|---|---|---|",
    ]
    for low, high in pairwise(BANDS):
        cells = [f"below {high}" if low == BANDS[0] else f"{low} to {high}"]
        for still in (False, True):
            there = [room for room in scored if _within(room.scores[still], low, high)]
            finished = sum(room.finished for room in there) if there else "-"
            cells += [str(len(there)), str(finished), str(sum(_within(clip[still], low, high) for clip in clips))]
        rows.append(f"| {' | '.join(cells)} |")
    if len(scored) < len(rooms):
        finished = sum(room.finished for room in rooms if not room.scores)
        rows.append(f"| too little to score | {len(rooms) - len(scored)} | {finished} | | | | |")
    return "\n".join(rows)


def _within(score: float, low: float, high: float) -> bool:
    return low <= score < high or score == high == BANDS[-1]


class Onlooker:
    """A chooser who drives as another does, while a policy looks on. Keeps what each car is told, and what the policy
    would steer on the pictures and on mirrored ones; with still, on the newest of each four and its mirror image."""

    def __init__(self, drives: Chooser, looks_on: Chooser, cars: int) -> None:
        self._drives, self._looks_on = drives, looks_on
        self._kept: list[list[list[float]]] = [[] for _ in range(cars)]  # of each car, five numbers a step

    def __call__(self, observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        decided = self._drives(observations, cars, simulator)
        still = np.repeat(observations[..., -1:], observations.shape[-1], axis=-1)
        shown = (observations, observations[:, :, ::-1], still, still[:, :, ::-1])
        said = [self._looks_on(pictures, cars, simulator).steering for pictures in shown]
        for car, *steering in zip(cars.tolist(), decided.steering, *said, strict=True):
            self._kept[car].append(steering)
        return decided

    def scores(self, car: int, period_s: float) -> tuple[float, float] | None:
        """As of a clip, and with `--still`; None where there is too little to score."""
        driven, *said = np.array(self._kept[car], float).T
        moments = (1000 * period_s * np.arange(len(driven))).tolist(), ["one"] * len(driven)
        try:
            moving, still = (score_steering(driven, *said[first : first + 2], *moments).score for first in (0, 2))
        except ScoreError:
            return None
        return moving, still


def _clip(folder: Path, path: Path) -> tuple[float, float]:
    """In a process of its own: the two scores of a clip."""
    model, tub = load_model(folder), Tub(path)
    clips = (steer_through(model.policy, model.contract, tub, still=still) for still in (False, True))
    moving, still = (score_clip(clip).score.score for clip in clips)
    return moving, still


def _rooms(folder: Path, first: int) -> list[Room]:
    """In a process of its own: CARS worlds, the first of that number."""
    cv2.setNumThreads(1)
    model = load_model(folder)
    contract = model.contract
    policy = greedy(lambda seen, _: np.stack([model.policy.advantages(one) for one in seen]), contract)
    onlooker = Onlooker(teacher(contract), policy, CARS)
    drive_tracks(onlooker, contract, CARS, LOOKED_ON_LAPS, SEED, table=TABLE, first_track=first)
    driven = drive_tracks(policy, contract, CARS, LAPS, SEED, table=TABLE, first_track=first)
    scores = [onlooker.scores(car, contract.observation.period_s) for car in range(CARS)]
    return [Room(score, one.finished) for score, one in zip(scores, driven, strict=True)]


if __name__ == "__main__":
    main()
