import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.guardian.pulses import (
    BRAKE_NS,
    LEAST_THROTTLE,
    NEUTRAL_NS,
    ReverseGear,
    Servos,
    slew_throttle,
    steering_pulse,
    throttle_pulse,
)

SERVOS = Servos(left_us=1900, centre_us=1480, right_us=1100, reverse_us=1100, neutral_us=1510, forward_us=1950)
fraction = st.floats(-1, 1)


@pytest.mark.parametrize(("steering", "us"), [(-1, 1900), (-0.5, 1690), (0, 1480), (0.5, 1290), (1, 1100)])
def test_steering_has_its_centre_where_the_car_has_it(steering: float, us: float) -> None:
    assert steering_pulse(SERVOS, steering) == us


@pytest.mark.parametrize(
    ("throttle", "us"),
    [(-1, 1100), (-0.5, 1305), (0, 1510), (0.0099, 1510), (-0.0099, 1510), (LEAST_THROTTLE, 1514.4), (1, 1950)],
)
def test_throttle(throttle: float, us: float) -> None:
    assert throttle_pulse(SERVOS, throttle) == pytest.approx(us)


def test_the_dead_band_is_jumped_over_and_the_ends_stay() -> None:
    servos = dataclasses.replace(SERVOS, deadband_us=30)
    assert throttle_pulse(servos, 0.0) == 1510
    assert throttle_pulse(servos, 0.01) == pytest.approx(1540 + 0.01 * 410)
    assert throttle_pulse(servos, -0.01) == pytest.approx(1480 - 0.01 * 380)
    assert (throttle_pulse(servos, 1), throttle_pulse(servos, -1)) == (1950, 1100)


@given(fraction, fraction, st.floats(0, 1))
def test_slew_never_passes_what_is_wanted_and_letting_go_is_at_once(last: float, wanted: float, most: float) -> None:
    got = slew_throttle(last, wanted, most)
    assert min(0, wanted) <= got <= max(0, wanted)
    if wanted == 0 or (abs(wanted) <= abs(last) and (last > 0) == (wanted > 0)):
        assert got == wanted
    else:
        assert abs(got) <= (abs(last) if (last > 0) == (wanted > 0) else 0) + most + 1e-12


def test_reverse_comes_after_a_brake_and_neutral() -> None:
    gear, now = ReverseGear("brake-first"), 0
    assert gear.shift(0.5, now) == 0.5
    assert gear.shift(-0.4, now) == -0.4  # the brake
    assert gear.shift(-0.4, now + BRAKE_NS - 1) == -0.4
    assert gear.shift(-0.4, now := now + BRAKE_NS) == 0
    assert gear.shifting
    assert gear.shift(-0.4, now + NEUTRAL_NS - 1) == 0
    assert gear.shift(-0.4, now := now + NEUTRAL_NS) == -0.4  # reverse
    assert not gear.shifting
    assert gear.shift(0.0, now) == 0
    assert gear.shift(-0.2, now) == -0.2  # still in reverse: no brake again
    assert gear.shift(0.1, now) == 0.1
    assert gear.shift(-0.2, now) == -0.2
    assert gear.shifting


def test_a_brake_that_is_let_go_goes_on_to_neutral() -> None:
    gear = ReverseGear("brake-first")
    gear.shift(0.5, 0)
    gear.shift(-0.4, 1)
    assert gear.shift(0.0, 2) == 0
    assert gear.shift(-0.4, 3) == 0
    assert gear.shift(-0.4, 2 + NEUTRAL_NS) == -0.4


def test_other_escs() -> None:
    assert ReverseGear("direct").shift(-0.4, 0) == -0.4
    assert ReverseGear("never").shift(-0.4, 0) == 0
    assert ReverseGear("never").shift(0.4, 0) == 0.4
