import numpy as np
import pytest

from models.contract import ActionTable, Contract, ObservationSpec
from models.decision import Decisions
from scripts import sim2real
from sim_bridge.distributions import EVALUATION
from sim_bridge.real import REAL
from sim_bridge.simulator import Simulator
from tests.trainer.drivers import steady

PERIOD_S = 0.05


def restlessness(commands: np.ndarray) -> tuple[float, float]:
    """Of cars that are told these commands, (steps, cars), one after the other."""
    steps = iter(commands)

    def choose(observations: np.ndarray, cars: np.ndarray, _: object) -> Decisions:
        return Decisions(np.zeros(len(cars), int), next(steps)[cars], np.zeros(len(cars)))

    steering = sim2real.Steering(choose, commands.shape[1])
    for _ in commands:
        steering(np.zeros((commands.shape[1], 1)), np.arange(commands.shape[1]), None)
    return sim2real.restlessness(steering.of_car, PERIOD_S)


def test_a_servo_that_swings_turns_round_twice_a_swing() -> None:
    t_s = np.arange(200) * PERIOD_S
    swings = 0.5 * np.sin(2 * np.pi * 0.5 * t_s)[:, None]  # 2 s a swing, 2 units of way in it
    reversals, travel = restlessness(swings)
    assert reversals == pytest.approx(1.0, abs=0.15)
    assert travel == pytest.approx(1.0, abs=0.05)


def test_trembling_less_than_a_servo_can_is_no_reversal_and_cars_are_kept_apart() -> None:
    trembling = 0.005 * (-1.0) ** np.arange(100)
    apart = np.stack([0.5 + trembling, -0.5 + trembling], axis=1)
    reversals, travel = restlessness(apart)
    assert reversals == 0
    assert travel == pytest.approx(0.01 / PERIOD_S, rel=0.05)
    jerking = 0.1 * (-1.0) ** np.arange(100)
    assert restlessness(jerking[:, None])[0] == pytest.approx(1 / PERIOD_S, rel=0.05)


def test_who_pulses_is_not_to_be_matched_by_one_who_steers_smoothly() -> None:
    t_s = np.arange(800) * PERIOD_S
    moments = (1000 * t_s).tolist(), ["one"] * len(t_s)
    bends = np.sin(2 * np.pi * t_s / 8)
    assert sim2real.smoothed_human(bends, *moments) > 0.99
    pulses = np.where(t_s % 0.8 < 0.4 * np.abs(bends), np.sign(bends), 0.0)  # the same bends, by keys
    assert 0.4 < sim2real.smoothed_human(pulses, *moments) < 0.8


def test_each_line_of_the_table_is_in_one_group_and_all_worlds_can_be_drawn() -> None:
    """But for the draws that are the same anywhere, and for the walls."""
    replaced = [
        name for group in sim2real.GROUPS for name, one in sim2real.as_in_evaluation(group).items() if one != REAL[name]
    ]
    assert len(replaced) == len(set(replaced))
    assert set(replaced) == {name for name in REAL if REAL[name] != EVALUATION[name]} - {"walls", "wall_gap_m"}
    for group in sim2real.GROUPS:
        Simulator(12, sim2real.as_in_evaluation(group), 0, ObservationSpec())


def test_cars_that_were_measured_go_the_arcs_that_are_meant_within_what_measuring_leaves() -> None:
    contract = Contract(actions=ActionTable(turns_rad_per_m=2.0))
    simulator, cars = Simulator(12, sim2real.MEASURED, 0, ObservationSpec()), np.arange(12)
    told = sim2real.in_own_arcs(steady(0.3), contract)(np.zeros((12, 64, 64, 4), np.uint8), cars, simulator)
    bicycles = simulator.bicycles
    gone = told.steering * bicycles.locks_rad[1] / (0.3 * np.arctan(2.0 * bicycles.wheelbase_m))
    assert gone == pytest.approx(np.where(cars % 2, 1 / 0.97, 1 / 1.03))
    plain = sim2real.in_own_arcs(steady(0.3), Contract())(np.zeros((12, 64, 64, 4), np.uint8), cars, simulator)
    assert plain.steering == pytest.approx(0.3)
