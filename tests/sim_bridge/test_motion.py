import numpy as np

from models.contract import Contract
from sim_bridge.distributions import EVALUATION
from sim_bridge.simulator import Simulator


def test_who_errs_sees_each_car_so_far_to_the_left_and_so_far_turned_and_moves_none() -> None:
    simulator = Simulator(6, EVALUATION, 0, Contract().observation)
    for _ in range(20):
        simulator.step(np.full(6, 0.05), np.full(6, 0.2))
    before, where_m = simulator.state, simulator.centre_m()
    left_m, turned_rad = np.linspace(-0.2, 0.2, 6), np.linspace(0.3, -0.3, 6)
    seen = simulator.misjudged(left_m, turned_rad)
    np.testing.assert_allclose(seen.state.offset_m - before.offset_m, left_m, atol=0.01)  # nearly, in a bend
    np.testing.assert_allclose(seen.state.heading_error_rad - before.heading_error_rad, turned_rad, atol=0.05)
    np.testing.assert_allclose(np.linalg.norm(seen.centre_m() - where_m, axis=1), np.abs(left_m), atol=1e-9)
    np.testing.assert_array_equal(simulator.centre_m(), where_m)
    right_as_seen = simulator.misjudged(np.zeros(6), np.zeros(6))
    np.testing.assert_allclose(right_as_seen.centre_m(), where_m, atol=1e-12)
    np.testing.assert_array_equal(right_as_seen.bicycles.speed_m_s, simulator.bicycles.speed_m_s)
