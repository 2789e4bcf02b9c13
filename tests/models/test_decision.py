import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.contract import ActionTable
from models.decision import decide

ARGMAX = ActionTable()
EXPECTATION = ActionTable(decoding="expectation")
LEVELS = ActionTable(throttle=(0.1, 0.2), decoding="expectation")
ANY = arrays(np.float32, (5, 7), elements=st.floats(-50, 50, width=32))


def test_the_largest_advantage_wins_and_ties_go_to_the_steering_held() -> None:
    advantages = np.zeros((3, 7), np.float32)
    advantages[0, 5] = 1
    advantages[1:, [1, 5]] = 1
    decided = decide(advantages, ARGMAX, np.array([0.0, 0.9, -0.9]))
    assert decided.action.tolist() == [5, 5, 1]
    assert decided.steering.tolist() == [0.6, 0.6, -0.6]
    assert decided.throttle.tolist() == [0.2, 0.2, 0.2]


@given(ANY)
def test_an_expectation_is_within_the_table_and_mirrors(advantages: np.ndarray) -> None:
    decided = decide(advantages, EXPECTATION, np.zeros(5))
    assert (np.abs(decided.steering) <= 1).all()
    np.testing.assert_allclose(
        decide(advantages[:, ::-1], EXPECTATION, np.zeros(5)).steering, -decided.steering, atol=1e-6
    )


@given(ANY, st.floats(-20, 20))
def test_only_differences_of_advantages_count(advantages: np.ndarray, shift: float) -> None:
    one, other = (
        decide(each.astype(np.float32), EXPECTATION, np.zeros(5)) for each in (advantages, advantages + shift)
    )
    np.testing.assert_allclose(one.steering, other.steering, atol=1e-3)


def test_between_two_equal_bins_the_wheels_stand_between_them() -> None:
    advantages = np.full((1, 7), -10, np.float32)
    advantages[0, 3:5] = 0
    assert decide(advantages, EXPECTATION, np.zeros(1)).steering[0] == pytest.approx(0.125)


def test_a_clear_winner_is_commanded_by_either_decoding() -> None:
    advantages = np.full((7, 7), -10, np.float32)
    np.fill_diagonal(advantages, 0)
    for table in (ARGMAX, EXPECTATION):
        np.testing.assert_allclose(decide(advantages, table, np.zeros(7)).steering, ARGMAX.steering, atol=1e-6)


def test_throttle_and_steering_are_expected_apart() -> None:
    advantages = np.full((1, 14), -10, np.float32)
    advantages[0, [LEVELS.mirrored(0), LEVELS.mirrored(1)]] = 0  # full right, either throttle
    decided = decide(advantages, LEVELS, np.zeros(1))
    assert (decided.steering[0], decided.throttle[0]) == pytest.approx((1.0, 0.15))


@pytest.mark.parametrize("table", [ARGMAX, EXPECTATION])
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_no_number_decides_nothing(table: ActionTable, broken: float) -> None:
    advantages = np.zeros((2, 7), np.float32)
    advantages[1, 3] = broken
    with pytest.raises(ValueError, match="not numbers"):
        decide(advantages, table, np.zeros(2))
