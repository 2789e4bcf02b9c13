import os
import signal
import time
from itertools import pairwise

import numpy as np
import pytest

from models.contract import ActionTable, Contract
from models.decision import Decisions
from sim_bridge.distributions import TABLES
from sim_bridge.scene import Always
from sim_bridge.simulator import Simulator
from trainer.practice import CELLS, FACTS, UNKNOWN, VALUED_EVERY, Practice, facts, road_told

CONTRACT = Contract()
MIRRORED = np.array([CONTRACT.actions.mirrored(action) for action in range(7)])


@pytest.fixture(scope="module")
def practice():
    with Practice(CONTRACT, TABLES["training"], cars=4, steps=40, seed=1) as practice:
        deadline = time.monotonic() + 60
        while practice.frames < 4 * 60 and time.monotonic() < deadline:  # more than the memory holds
            assert practice.alive
            time.sleep(0.05)
        yield practice
    assert not practice.alive


def test_a_lesson_is_of_many_moments(practice: Practice) -> None:
    lesson = practice.draw(64)
    assert (lesson.observation.shape, lesson.observation.dtype) == ((64, 64, 64, 4), np.uint8)
    assert (lesson.values.shape, lesson.facts.shape) == ((64, 7), (64, len(FACTS)))
    assert (lesson.road.shape, lesson.road.dtype) == ((64, CELLS, CELLS), np.int8)
    assert np.isfinite(lesson.values).all()
    assert len(np.unique(lesson.values[:, 0])) > 30
    assert lesson.observation.std() > 5
    assert len(set(lesson.values.argmax(axis=1))) > 3  # of every way to stand on a road


def test_only_moments_that_were_valued_are_drawn() -> None:
    """In a memory that was never full, the others' values are still nothing."""
    with Practice(CONTRACT, TABLES["training"], cars=2, steps=2000, seed=3) as practice:
        while practice.frames < 2 * 30:
            assert practice.alive
            time.sleep(0.05)
        assert (practice.draw(500).values.std(axis=1) > 0).all()
    moments = [len(np.unique(practice.draw(500, every=steps).values, axis=0)) for steps in (VALUED_EVERY, 10)]
    assert moments[1] <= moments[0] / 4


def test_returns_are_those_of_the_car_that_the_contract_means() -> None:
    """Were its smallest circle 10 m wide, full lock would often be the best that there is."""
    full = {}
    for turns_rad_per_m in (None, 0.2):
        contract = Contract(actions=ActionTable(turns_rad_per_m=turns_rad_per_m))
        with Practice(contract, TABLES["training"], cars=4, steps=100, seed=1) as practice:
            while practice.frames < 4 * 100:
                assert practice.alive
                time.sleep(0.05)
            full[turns_rad_per_m] = np.isin(practice.draw(500).values.argmax(axis=1), (0, 6)).mean()
    assert full[None] < 0.15
    assert full[0.2] > 0.3


def test_mirrored_twice_is_as_it_was(practice: Practice) -> None:
    lesson = practice.draw(16)
    before = lesson.observation.copy(), lesson.values.copy(), lesson.facts.copy(), lesson.road.copy()
    some = np.arange(16) % 2 == 0
    lesson.mirror(some, MIRRORED)
    assert (lesson.values[some] == before[1][some][:, ::-1]).all()
    assert (lesson.observation[some] == before[0][some][:, :, ::-1]).all()
    assert (lesson.facts[some] == -before[2][some]).all()
    assert (lesson.values[~some] == before[1][~some]).all()
    known = lesson.road[some] != UNKNOWN
    assert (known == (before[3][some] != UNKNOWN)[:, :, ::-1]).all()
    assert (lesson.road[some][known] == -before[3][some][:, :, ::-1][known]).all()
    lesson.mirror(some, MIRRORED)
    for now, then in zip((lesson.observation, lesson.values, lesson.facts, lesson.road), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_facts_are_positive_to_the_left() -> None:
    simulator = Simulator(16, TABLES["training"], 4, CONTRACT.observation)
    told = dict(zip(FACTS, facts(simulator).T, strict=True))
    np.testing.assert_array_equal(np.sign(told["offset"]), np.sign(simulator.state.offset_m))
    np.testing.assert_array_equal(np.sign(told["heading"]), np.sign(simulator.state.heading_error_rad))
    for _ in range(6):
        simulator.step(np.full(16, -1.0), np.full(16, 0.2))
    assert (dict(zip(FACTS, facts(simulator).T, strict=True))["wheels"] > 0.3).all()  # full left


def test_the_road_is_told_where_the_picture_shows_it() -> None:
    """Below, just before the car, the road lies across the picture from its left to its right side."""
    straight_on = {"start_heading_deg": Always(0.0), "start_offset": Always(0.0)}
    simulator = Simulator(8, TABLES["training"] | straight_on, 4, CONTRACT.observation)
    for car in range(8):
        told = road_told(simulator, car)
        nearest = told[-1].astype(int)
        assert (nearest != UNKNOWN).all()
        assert (np.diff(nearest) <= 0).all()  # from left to right
        assert nearest[0] > 0 > nearest[-1]


def test_the_policy_drives_some_of_the_worlds() -> None:
    """Told to keep hard left and then hard right, those cars turn so; the others follow the road.

    Sixteen cars, and the difference of the two: how many of four a policy drives is a matter of luck, and how far a
    slow servo comes before its car leaves the road is one too.
    """
    cars, wheels, mean, hard = 16, FACTS.index("wheels"), {}, {}
    with Practice(CONTRACT, TABLES["training"], cars, steps=40, seed=1) as practice:
        for side in (-1.0, 1.0):  # left is negative for those who steer, positive among the facts
            seen, turned, begun = [], [], practice.frames

            def keep(observations: np.ndarray, side: float = side, seen: list[np.ndarray] = seen) -> Decisions:
                assert observations.shape == (cars, 64, 64, 4)
                seen.append(observations.copy())
                return Decisions(np.zeros(cars, int), np.full(cars, side), np.full(cars, 0.2))

            while (made := practice.frames - begun) < cars * 200:
                assert practice.alive
                practice.advise(keep)
                if made > cars * 40:  # what was driven before is out of the memory
                    turned.extend(practice.draw(16).facts[:, wheels])
                time.sleep(0.002)
            mean[side], hard[side] = np.mean(turned), np.mean(np.abs(turned) > 0.65)
            assert len(seen) > 20
            assert any((before != after).any() for before, after in pairwise(seen))
    assert mean[-1.0] - mean[1.0] > 0.1
    assert max(hard.values()) < 0.5


def test_ctrl_c_is_left_to_the_trainer(practice: Practice) -> None:
    """A terminal sends it to both processes; the trainer still wants its last evaluation and its export."""
    os.kill(practice._process.pid, signal.SIGINT)
    before, deadline = practice.frames, time.monotonic() + 30
    while practice.frames < before + 40 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert practice.alive
    assert practice.frames >= before + 40


def test_a_driver_that_is_gone_is_noticed() -> None:
    with Practice(CONTRACT, TABLES["training"], cars=2, steps=10, seed=2) as practice:
        practice._process.kill()
        practice._process.join()
        assert not practice.alive
