import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.car_file import (
    KEPT,
    CalibrationError,
    CarCalibration,
    ChipCalibration,
    SteeringCalibration,
    ThrottleCalibration,
    as_toml,
    load_calibration,
    nominal,
    path_of,
    save_calibration,
)
from storage.files import StorageError

pulses = (
    st.lists(st.floats(500, 2500), min_size=3, max_size=3)
    .map(sorted)
    .filter(lambda p: p[1] - p[0] >= 50 and p[2] - p[1] >= 50)
)
calibrations = st.builds(
    lambda date, method, osc, gpio, steering, throttle, swap, reverse: CarCalibration(
        date=date,
        method=method,
        chip=ChipCalibration(oscillator_hz=osc, output_enable_gpio=gpio),
        steering=SteeringCalibration(
            left_us=steering[2 if swap else 0], centre_us=steering[1], right_us=steering[0 if swap else 2]
        ),
        throttle=ThrottleCalibration(
            reverse_us=throttle[0], neutral_us=throttle[1], forward_us=throttle[2], reverse=reverse
        ),
    ),
    st.datetimes(timezones=st.just(UTC)),
    st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=50),
    st.floats(20e6, 32e6),
    st.none() | st.integers(0, 27),
    pulses,
    pulses,
    st.booleans(),
    st.sampled_from(["brake-first", "direct", "never"]),
)


@given(calibrations)
def test_there_and_back(calibration: CarCalibration) -> None:
    import tomllib

    assert CarCalibration.model_validate(tomllib.loads(as_toml(calibration))) == calibration


def test_a_car_without_one_has_none(tmp_path: Path) -> None:
    assert load_calibration(tmp_path) is None


def test_saved_and_the_last_five_kept(tmp_path: Path) -> None:
    for channel in range(1, 9):
        steering = SteeringCalibration(channel=channel)
        save_calibration(tmp_path, nominal().model_copy(update={"steering": steering}))
    assert load_calibration(tmp_path).steering.channel == 8
    old = sorted(path_of(tmp_path).parent.glob("car-*.toml"))
    assert len(old) == KEPT
    assert [f"channel = {n}" in file.read_text() for n, file in zip(range(3, 8), old, strict=True)] == [True] * KEPT


def test_a_place_that_cannot_be_written_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "calibration").touch()
    with pytest.raises((StorageError, OSError)):
        save_calibration(tmp_path, nominal())


GOOD = as_toml(nominal().model_copy(update={"date": datetime(2026, 1, 2, tzinfo=UTC)}))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("left_us = 1000.0", "left_us = 499.0", "steering.left_us: input should be greater than or equal to 500"),
        ("left_us = 1000.0", "left_us = nan", "steering.left_us"),
        ("left_us = 1000.0", 'left_us = "left"', "steering.left_us: input should be a valid number"),
        ("left_us = 1000.0", "left_us = 1600.0", "centre_us 1500 is not between left_us 1600 and right_us 2000"),
        ("left_us = 1000.0", "left_us = 1460.0", "within 50 us of an end"),
        ("neutral_us = 1500.0", "neutral_us = 2100.0", "neutral_us 2100 is not between"),
        ("channel = 1", "channel = 0", "steering and throttle are both on channel 0"),
        ("channel = 1", "channel = 16", "steering.channel"),
        ("slew_per_s = 20.0", "slew_per_s = 0.0", "steering.slew_per_s"),
        ("oscillator_hz = 25000000.0", "oscillator_hz = 60.0", "chip.oscillator_hz"),
        ("[steering]", "[stearing]", "stearing is no setting; did you mean steering?"),
        ("neutral_us", "neutrl_us", "throttle.neutrl_us is no setting; did you mean neutral_us?"),
        ("date = 2026-01-02T00:00:00+00:00\n", "", "date: field required"),
        ('reverse = "brake-first"', 'reverse = "maybe"', "throttle.reverse: input should be"),
        ("[throttle]", "[throttle", "is not TOML"),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    path = path_of(tmp_path)
    path.parent.mkdir()
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(CalibrationError) as raised:
        load_calibration(tmp_path)
    assert complaint in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = path_of(tmp_path)
    path.parent.mkdir()
    for length in range(0, len(GOOD) - 1, 7):
        path.write_text(GOOD[:length])
        with contextlib.suppress(CalibrationError):
            assert isinstance(load_calibration(tmp_path), CarCalibration)  # cut between two lines: still whole
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CalibrationError, match="cannot read"):
        load_calibration(tmp_path)
