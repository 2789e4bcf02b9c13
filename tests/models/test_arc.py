import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arc import same_arc

commands = st.floats(-1, 1)
turns = st.floats(1.0, 5.0)  # rad a metre: circles of 2 m to 0.4 m
wheelbases = st.floats(0.1, 0.35)
locks = st.floats(0.1, 0.8)


def curvature_per_m(steering: float, wheelbase_m: float, lock_rad: float) -> float:
    return np.tan(steering * lock_rad) / wheelbase_m


@given(commands, turns, wheelbases, locks, locks)
def test_a_car_goes_the_arc_that_is_meant_or_turns_as_far_as_it_can(
    steering: float, turns_rad_per_m: float, wheelbase_m: float, left_rad: float, right_rad: float
) -> None:
    own = same_arc(steering, turns_rad_per_m, wheelbase_m, left_rad, right_rad)
    lock_rad = left_rad if steering < 0 else right_rad
    meant = curvature_per_m(steering, wheelbase_m, np.arctan(turns_rad_per_m * wheelbase_m))
    gone = curvature_per_m(own, wheelbase_m, lock_rad)
    assert abs(own) <= 1
    assert gone == pytest.approx(meant, rel=1e-6, abs=1e-9) or (abs(own) == 1 and abs(gone) < abs(meant))


def test_full_lock_is_what_the_contract_says_and_straight_ahead_stays() -> None:
    """A car of 0.2 m whose wheels turn by 30 degrees to the left and 20 to the right: 0.4 m to the one, 0.55 m."""
    left_rad, right_rad = np.radians([30.0, 20.0])
    car = 2.0, 0.2, left_rad, right_rad  # the policy's has a radius of 0.5 m
    assert same_arc(0.0, *car) == 0
    assert curvature_per_m(same_arc(-1.0, *car), 0.2, left_rad) == pytest.approx(-2.0)
    assert same_arc(-1.0, *car) == pytest.approx(-0.727, abs=1e-3)
    assert same_arc(1.0, *car) == 1.0


def test_each_of_many_cars_has_its_own() -> None:
    steering, wheelbases_m = np.array([-1.0, -0.5, 0.5]), np.array([0.15, 0.2, 0.25])
    locks_rad = np.radians([[25.0, 26.0, 27.0], [28.0, 29.0, 30.0]])
    together = same_arc(steering, 2.3, wheelbases_m, *locks_rad)
    for car in range(3):
        assert together[car] == same_arc(steering[car], 2.3, wheelbases_m[car], *locks_rad[:, car])
