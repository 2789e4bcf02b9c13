import dataclasses

import numpy as np
import pytest

from sim_bridge.bicycle import Bicycles
from sim_bridge.distributions import EVALUATION
from sim_bridge.scene import Scene, draw_scene

PERIOD_S = 0.05


def scene(**changes: float) -> Scene:
    exact = {"steering_trim": 0.0, "latency_s": 0.0, "servo_lag_s": 1e-6, "motor_lag_s": 1e-6}
    return dataclasses.replace(draw_scene(EVALUATION, np.random.default_rng(0)), **(exact | changes))


def drive(one: Scene, steering: float, throttle: float, periods: int) -> tuple[Bicycles, np.ndarray]:
    cars = Bicycles(1, PERIOD_S)
    cars.place(0, one, 0.0, 0.0, 0.0)
    path = []
    for _ in range(periods):
        cars.step(np.array([steering]), np.array([throttle]))
        path.append((cars.x_m[0], cars.y_m[0]))
    return cars, np.array(path)


def test_straight_ahead_at_the_throttles_speed() -> None:
    cars, _ = drive(scene(top_speed_m_s=6.0), 0.0, 0.2, 40)
    assert cars.x_m[0] == pytest.approx(1.2 * 2.0, rel=1e-3)
    assert cars.y_m[0] == cars.heading_rad[0] == 0


@pytest.mark.parametrize("steering", [-1.0, -0.5, 0.5, 1.0])
def test_a_held_steering_drives_the_circle_of_the_bicycle(steering: float) -> None:
    """Radius of the rear axle: wheelbase / tan(wheel angle); + steering is right."""
    one = scene(wheelbase_m=0.2, full_lock_deg=25.0, top_speed_m_s=5.0)
    cars, path = drive(one, steering, 0.2, 200)
    radius_m = 0.2 / np.tan(np.radians(25 * abs(steering)))
    centre = np.array([0.0, -np.sign(steering) * radius_m])
    np.testing.assert_allclose(np.linalg.norm(path - centre, axis=1), radius_m, rtol=0.01)
    assert np.sign(cars.heading_rad[0]) == -np.sign(steering)


def test_cars_that_turn_alike_drive_the_same_circle_with_wheels_that_have_not_moved() -> None:
    one = scene(wheelbase_m=0.25, full_lock_deg=30.0, top_speed_m_s=5.0)
    cars, _ = drive(dataclasses.replace(one, steering_trim=0.1, steering_uneven=0.2), 0.3, 0.2, 200)
    wheel_rad = 0.4 * 1.2 * np.radians(30)  # command and trim, on the side that turns further
    cars.turn_alike(2.0)
    assert cars.steering[0] * cars.full_lock_rad[0] == pytest.approx(wheel_rad, rel=1e-3)
    for steering in (1.0, -1.0, 0.0):
        for _ in range(40):
            before_rad = cars.heading_rad[0]
            cars.step(np.array([steering]), np.array([0.2]))
        turned_rad = before_rad - cars.heading_rad[0]
        assert turned_rad / (cars.speed_m_s[0] * PERIOD_S) == pytest.approx(2.0 * steering, abs=0.01)


@pytest.mark.parametrize("latency_s", [0.0, 0.02, 0.05, 0.07, 0.13])
def test_a_command_is_felt_after_its_latency(latency_s: float) -> None:
    """At constant speed, distance tells since when the throttle was felt."""
    cars, _ = drive(scene(latency_s=latency_s, top_speed_m_s=5.0), 0.0, 0.2, 10)
    assert cars.x_m[0] == pytest.approx(1.0 * (10 * PERIOD_S - latency_s), rel=1e-3)


def test_wheels_that_are_held_stand_there_whatever_lags_or_is_on_its_way() -> None:
    cars, _ = drive(scene(latency_s=0.12, servo_lag_s=0.1, steering_trim=0.05), -1.0, 0.2, 10)
    cars.hold(np.array([0.4]))
    for _ in range(4):
        assert cars.steering[0] == pytest.approx(0.45)
        assert cars.commanded_steering[0] == 0.4
        cars.step(np.array([0.4]), np.array([0.2]))
    cars.hold(np.array([1.0]))
    assert cars.steering[0] == 1.0


def test_servo_and_motor_lag_are_first_order() -> None:
    cars, _ = drive(scene(servo_lag_s=0.1, motor_lag_s=0.2, top_speed_m_s=5.0), 0.8, 0.2, 4)
    assert cars.steering[0] == pytest.approx(0.8 * (1 - np.exp(-0.2 / 0.1)))
    assert cars.speed_m_s[0] == pytest.approx(1.0 * (1 - np.exp(-0.2 / 0.2)))


def test_trim_pulls_to_the_right_and_commands_are_clipped() -> None:
    cars, _ = drive(scene(steering_trim=0.05), 0.0, 0.2, 20)
    assert cars.heading_rad[0] < 0
    wild, _ = drive(scene(), 99.0, 99.0, 20)
    full, _ = drive(scene(), 1.0, 1.0, 20)
    assert (wild.x_m[0], wild.y_m[0]) == (full.x_m[0], full.y_m[0])


def test_cars_do_not_feel_each_other() -> None:
    cars = Bicycles(3, PERIOD_S)
    for car, latency_s in enumerate((0.0, 0.05, 0.12)):
        cars.place(car, scene(latency_s=latency_s), 0.0, 0.0, 0.0)
    for _ in range(20):
        cars.step(np.array([0.1, -0.4, 0.9]), np.array([0.2, 0.2, 0.2]))
    for car, (latency_s, steering) in enumerate(((0.0, 0.1), (0.05, -0.4), (0.12, 0.9))):
        alone, _ = drive(scene(latency_s=latency_s), steering, 0.2, 20)
        assert cars.x_m[car] == pytest.approx(alone.x_m[0], abs=1e-12)
        assert cars.heading_rad[car] == pytest.approx(alone.heading_rad[0], abs=1e-12)


def test_a_servo_turns_no_faster_than_it_can() -> None:
    cars, _ = drive(scene(servo_rate_per_s=4.0), 1.0, 0.2, 3)
    assert cars.steering[0] == pytest.approx(3 * PERIOD_S * 4.0)
    cars.step(np.array([-1.0]), np.array([0.2]))
    assert cars.steering[0] == pytest.approx(2 * PERIOD_S * 4.0)
    lagging, _ = drive(scene(servo_rate_per_s=1000.0, servo_lag_s=0.1), 0.8, 0.2, 4)
    free, _ = drive(scene(servo_lag_s=0.1), 0.8, 0.2, 4)
    assert lagging.heading_rad[0] == free.heading_rad[0]


def test_uneven_steering_turns_more_to_one_side() -> None:
    changes = {"steering_uneven": 0.1, "full_lock_deg": 20.0}
    right, left = (drive(scene(**changes), side, 0.2, 20)[0].heading_rad[0] for side in (1.0, -1.0))
    wheel_rad = np.radians(20.0)
    assert -right / left == pytest.approx(np.tan(1.1 * wheel_rad) / np.tan(0.9 * wheel_rad), rel=1e-6)


def test_a_slipping_car_turns_less_the_faster_it_is() -> None:
    for top_speed_m_s in (2.5, 10.0):
        gripping, slipping = (
            drive(scene(slip_s2_m2=slip, top_speed_m_s=top_speed_m_s), 0.5, 0.2, 20)[0] for slip in (0.0, 0.1)
        )
        expected = 1 / (1 + 0.1 * (0.2 * top_speed_m_s) ** 2)
        assert slipping.heading_rad[0] / gripping.heading_rad[0] == pytest.approx(expected, rel=1e-3)


def test_copies_of_a_car_may_slip_more_and_it_does_not() -> None:
    car, _ = drive(scene(slip_s2_m2=0.1, top_speed_m_s=4.0), 0.0, 0.5, 20)
    copies, before_rad = car.repeat(2), float(car.heading_rad[0])
    copies.slip_more(2.0)
    car.step(np.array([0.5]), np.array([0.5]))
    copies.step(np.full(2, 0.5), np.full(2, 0.5))
    turned_rad = copies.heading_rad - before_rad
    share = (1 + 0.1 * car.speed_m_s[0] ** 2) / (1 + 0.2 * car.speed_m_s[0] ** 2)
    assert turned_rad / (car.heading_rad[0] - before_rad) == pytest.approx([share, share], rel=1e-3)


def test_latency_jitters_between_its_bounds_anew_in_each_period() -> None:
    """A step of the throttle is felt at another time in each period it can be given in."""
    felt_s = []
    for wait in range(30):
        cars = Bicycles(1, PERIOD_S)
        cars.place(0, scene(latency_s=0.03, latency_jitter_s=0.06, top_speed_m_s=5.0), 0.0, 0.0, 0.0)
        for period in range(wait + 6):
            cars.step(np.zeros(1), np.array([0.2 if period >= wait else 0.0]))
        felt_s.append(6 * PERIOD_S - cars.x_m[0] / 1.0)
    assert min(felt_s) == pytest.approx(0.03, abs=0.02)
    assert 0.06 < max(felt_s) < 0.03 + 0.06 + PERIOD_S
    assert np.std(felt_s) > 0.008
