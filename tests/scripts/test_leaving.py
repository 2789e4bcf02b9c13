import numpy as np
import pytest

from models.contract import Contract
from models.decision import Decisions
from models.pictures import CYAN, YELLOW
from scripts.leaving import EVERY, PICTURES, Witness
from sim_bridge import rollout
from sim_bridge.distributions import EVALUATION
from sim_bridge.rollout import CRUISING
from sim_bridge.simulator import Simulator
from trainer.evaluation import drive_tracks

CONTRACT = Contract()


def to_the_left(observations: np.ndarray, cars: np.ndarray, _: Simulator) -> Decisions:
    return Decisions(np.zeros(len(cars), int), np.full(len(cars), -1.0), np.full(len(cars), 0.2))


def test_the_last_second_shows_what_was_steered_and_what_was_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "CRUISING", CRUISING._replace(turning=0.0))  # or he steers back as far as it pays
    witness = Witness(to_the_left, CONTRACT)
    results = drive_tracks(witness, CONTRACT, tracks=4, laps=1, seed=0, table=EVALUATION)
    (car, *_) = (car for car, result in enumerate(results) if result.off_road)
    size = 2 * CONTRACT.observation.size
    last = witness.last_second(car)
    assert last.shape == (2 * size, PICTURES * size, 3)
    newest, road = last[:size, -size:], last[size:].astype(int)
    at = {name: np.nonzero((newest == colour).all(axis=2)) for name, colour in (("policy", YELLOW), ("best", CYAN))}
    assert at["policy"][1].mean() < size / 2 - 5  # the policy's goes to the left, off the road
    assert at["best"][1].mean() > size / 2 + 5  # who knows the road steers back
    _, columns = np.nonzero(road[..., 1] > road[..., 0])
    assert (columns % size).mean() > size / 2 + 5  # and it is drawn where it is: he left it on the left


def test_a_car_that_left_at_once_has_black_pictures_for_what_it_has_not_seen() -> None:
    witness = Witness(to_the_left, CONTRACT)
    simulator = Simulator(1, EVALUATION, 0, CONTRACT.observation)
    for _ in range(EVERY + 1):
        witness(np.full((1, *CONTRACT.observation.shape), 99, np.uint8), np.array([0]), simulator)
    shown = witness.last_second(0).reshape(4 * CONTRACT.observation.size, PICTURES, -1).max(axis=(0, 2)) > 0
    assert shown.tolist() == [False] * (PICTURES - 2) + [True] * 2
