import dataclasses

import numpy as np
import pytest

from models.contract import ActionTable, Contract
from models.decision import decide
from sim_bridge import rollout
from sim_bridge.distributions import EVALUATION, RACING, TRAINING
from sim_bridge.pursuit import pure_pursuit
from sim_bridge.rollout import CRUISING, SCALE, middle_car, rolled_out_values
from sim_bridge.scene import Choice
from sim_bridge.simulator import Simulator

CONTRACT = Contract()
ACTIONS = CONTRACT.actions
THROTTLE = np.full(8, 0.2)


@pytest.fixture
def simulator() -> Simulator:
    simulator = Simulator(8, EVALUATION, 3, CONTRACT.observation)
    for _ in range(10):
        simulator.step(np.zeros(8), THROTTLE)
    return simulator


def everything(simulator: Simulator) -> dict[str, np.ndarray]:
    arrays = {name: value for name, value in vars(simulator.bicycles).items() if isinstance(value, np.ndarray)}
    state = {field.name: getattr(simulator.state, field.name) for field in dataclasses.fields(simulator.state)}
    return {name: value.copy() for name, value in (arrays | state | {"centre_m": simulator.centre_m()}).items()}


def test_imagining_moves_no_car_and_says_the_same_twice(simulator: Simulator) -> None:
    before = everything(simulator)
    values = rolled_out_values(simulator, ACTIONS)
    assert (values.shape, values.dtype) == ((8, 7), np.float32)
    for name, value in everything(simulator).items():
        np.testing.assert_array_equal(value, before[name], name)
    np.testing.assert_array_equal(rolled_out_values(simulator, ACTIONS), values)


def test_an_imagined_car_goes_where_the_car_then_goes(simulator: Simulator) -> None:
    imagined = simulator.imagine(3)
    for steering in (0.4, -0.2, 0.1):
        imagined.step(np.full(24, steering), np.full(24, 0.2))
        simulator.step(np.full(8, steering), THROTTLE)
    np.testing.assert_allclose(imagined.centre_m(), np.repeat(simulator.centre_m(), 3, axis=0))
    np.testing.assert_allclose(imagined.state.offset_m, np.repeat(simulator.state.offset_m, 3))


def test_what_the_cars_own_steering_does_is_not_in_what_is_learnt(simulator: Simulator) -> None:
    """Each car twice, the second with other wheels, a bent linkage and a servo that stands wrong."""
    twins = simulator.imagine(2)
    twins.bicycles._lagging[0] = 0.0  # all wheels stand straight ahead
    twins.bicycles.full_lock_rad[1::2] *= 0.7
    twins.bicycles._offset[0, 1::2], twins.bicycles._uneven[1::2] = 0.1, 0.15
    own = rolled_out_values(twins, ACTIONS)
    assert np.abs(own[1::2] - own[::2]).max(axis=1).min() > 0.05
    alike = rolled_out_values(twins, ACTIONS, middle_car(EVALUATION))
    np.testing.assert_allclose(alike[1::2], alike[::2], atol=1e-4)
    before = everything(simulator)
    rolled_out_values(simulator, ACTIONS, middle_car(EVALUATION))
    for name, value in everything(simulator).items():
        np.testing.assert_array_equal(value, before[name], name)


def test_the_middle_of_a_table_is_a_car_of_it() -> None:
    assert middle_car(EVALUATION) == pytest.approx(np.tan(np.radians(26.0)) / 0.175)
    with pytest.raises(TypeError, match="full_lock_deg"):
        middle_car(TRAINING | {"full_lock_deg": Choice({25.0: 1})})


def test_turning_the_wheels_has_its_price(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    three = ActionTable(steering=(-1.0, 0.0, 1.0))
    with_price = rolled_out_values(simulator, three)
    monkeypatch.setattr(rollout, "CRUISING", CRUISING._replace(turning=0.0))
    price = CRUISING.turning * (np.array([-1, 0, 1]) - simulator.bicycles.steering[:, None]) ** 2
    np.testing.assert_allclose(rolled_out_values(simulator, three) - with_price, price, atol=1e-4)


def test_going_on_otherwise_costs_effort(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with_effort = rolled_out_values(simulator, ACTIONS)
    monkeypatch.setattr(rollout, "EFFORT", 0.0)
    without = rolled_out_values(simulator, ACTIONS)
    assert (without >= with_effort - 1e-6).all()
    locks = [0, -1]
    assert (without - with_effort)[:, locks].min(axis=1).max() > 0.5  # nobody goes on with either lock for long


def test_where_the_wheels_stand_hardly_decides(simulator: Simulator) -> None:
    """What a picture shows of the road does: who learnt from dear turning would go on as he went."""
    decided = {}
    expected = ActionTable(decoding="expectation")
    for wheels in (-0.8, 0.8):
        simulator.bicycles.hold(np.full(8, wheels))
        values = SCALE * rolled_out_values(simulator, expected)
        decided[wheels] = decide(values, expected, simulator.bicycles.commanded_steering).steering
    assert (np.abs(decided[0.8] - decided[-0.8]) < 0.3).all()  # of the 1.6 that they differ; dear turning: 0.5


def test_who_always_takes_the_best_action_stays_on_the_road() -> None:
    simulator = Simulator(8, EVALUATION, 5, CONTRACT.observation)
    steering = np.array(ACTIONS.steering)
    for _ in range(120):
        best = rolled_out_values(simulator, ACTIONS).argmax(axis=1)
        assert not simulator.step(steering[best], THROTTLE).off_road.any()
    assert (simulator.state.driven_m > 4).all()


def test_a_car_that_stands_askew_is_steered_back(simulator: Simulator) -> None:
    heading_rad = simulator.bicycles.heading_rad.copy()
    for askew_rad, back in ((0.4, 1), (-0.4, -1)):
        simulator.bicycles.heading_rad[:] = heading_rad - simulator.state.heading_error_rad + askew_rad
        best = rolled_out_values(simulator, ACTIONS).argmax(axis=1)
        assert (np.sign(np.array(ACTIONS.steering)[best]) == back).mean() > 0.7  # but where the road bends that way


def test_the_fast_leave_room_for_a_floor_that_slips_more(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = ActionTable(throttle=(0.2, 0.4, 0.6), decoding="expectation", temperature=0.1)
    simulator = Simulator(16, RACING, 5, CONTRACT.observation)
    for _ in range(30):  # until they are fast
        simulator.step(pure_pursuit(simulator, 0.5), np.full(16, 0.35))
    throttle = {}
    for care in (1.0, rollout.CARE):
        monkeypatch.setattr(rollout, "CARE", care)
        values = SCALE * rolled_out_values(simulator, levels)
        throttle[care] = decide(values, levels, simulator.bicycles.commanded_steering).throttle.mean()
    assert throttle[2.0] < throttle[1.0] - 0.02


def test_with_a_choice_of_throttle_it_is_fast_where_the_road_is_straight() -> None:
    """And slow before bends that its car cannot drive faster: who never slows down leaves the road."""
    levels = ActionTable(throttle=(0.2, 0.4, 0.6), decoding="expectation", temperature=0.1)
    fastest = ActionTable(throttle=(0.6,), decoding="expectation", temperature=0.1)
    left_the_road = {}
    throttle, turning = [], []
    for name, actions in (("levels", levels), ("fastest", fastest)):
        simulator = Simulator(8, RACING, 5, CONTRACT.observation)
        off_road = np.zeros(8, bool)
        for _ in range(160):
            values = SCALE * rolled_out_values(simulator, actions)
            decided = decide(values, actions, simulator.bicycles.commanded_steering)
            if actions is levels:
                throttle.extend(decided.throttle[~off_road])
                turning.extend(np.abs(simulator.road_turn(1.0))[~off_road])
            off_road |= simulator.step(decided.steering, decided.throttle).off_road
        left_the_road[name] = off_road.sum()
    assert left_the_road["levels"] == 0
    assert left_the_road["fastest"] >= 3
    assert np.corrcoef(throttle, turning)[0, 1] < -0.4
