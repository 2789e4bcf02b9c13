import numpy as np
import pytest

from models.contract import Contract
from scripts.misjudging import CORRELATION_S, Misjudging
from sim_bridge.distributions import EVALUATION
from sim_bridge.simulator import Simulator

CONTRACT = Contract()
PERIOD_S = CONTRACT.observation.period_s


def test_half_of_an_error_stays_and_half_comes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    cars, steps, errors = 40, 200, []
    simulator = Simulator(cars, EVALUATION, 0, CONTRACT.observation)
    monkeypatch.setattr(Simulator, "misjudged", lambda _, left_m, rad: errors.append((left_m, rad)) or simulator)
    driver = Misjudging(CONTRACT.actions, cars, np.array([[0.4], [0.1]]), PERIOD_S, 0)
    for _ in range(steps):
        driver(None, np.arange(cars), simulator)
    place, turned = np.array(errors).transpose(1, 0, 2)
    place = place / simulator.state.half_width_m
    for error, expected in ((place, 0.4), (turned, 0.1)):
        assert np.sqrt(np.mean(error**2)) == pytest.approx(expected, rel=0.2)
        assert error.mean(axis=0).std() == pytest.approx(expected / np.sqrt(2), rel=0.3)
        comes = error - error.mean(axis=0)
        later = int(CORRELATION_S / PERIOD_S)
        assert np.mean(comes[later:] * comes[:-later]) / np.mean(comes**2) == pytest.approx(np.exp(-1), abs=0.15)


def test_who_takes_himself_to_stand_too_far_left_steers_further_to_the_right() -> None:
    simulator = Simulator(8, EVALUATION, 0, CONTRACT.observation)
    actions = CONTRACT.actions.model_copy(update={"decoding": "expectation"})
    steered = []
    for place in (0.0, 2.0):
        driver = Misjudging(actions, 8, np.array([[0.0], [0.0]]), PERIOD_S, 0)
        driver._stays[0] = place / 2
        steered.append(driver(None, np.arange(8), simulator).steering)
    assert (steered[1] > steered[0]).all()
