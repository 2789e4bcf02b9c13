import tomllib

import pytest

from calibration.car_file import CalibrationError, CarCalibration, as_toml, nominal, read_calibration, save_calibration
from calibration.known import differences, known
from tests.calibration.measured_car import measured_car


def test_every_section_there_and_back() -> None:
    calibration = measured_car()
    assert CarCalibration.model_validate(tomllib.loads(as_toml(calibration))) == calibration


def test_what_was_not_measured_is_not_known() -> None:
    assert known(nominal()) == {}
    assert known(measured_car().model_copy(update={"lens": None, "latency": None})).keys() == {
        "steering_trim", "camera_height_m", "camera_pitch_deg", "camera_roll_deg", "wheelbase_m", "full_lock_deg",
        "steering_uneven", "top_speed_m_s",
    }  # fmt: skip


def test_values_and_widths() -> None:
    values = known(measured_car())
    assert values["camera_fov_deg"] == (90.0, 0.5)
    assert values["full_lock_deg"] == (25.0, 0.5)
    assert values["steering_uneven"] == pytest.approx((0.04, 0.01))  # 26 = 25 (1 + 0.04)
    assert values["steering_trim"] == pytest.approx((0, 5 / 490))


def test_a_middle_that_is_off_is_a_pitch() -> None:
    calibration = measured_car()
    lens = calibration.lens.model_copy(update={"middle_y_px": 239.5 + 320 * 0.0524})  # tan(3 degrees)
    shifted = known(calibration.model_copy(update={"lens": lens}))["camera_pitch_deg"][0]
    assert shifted == pytest.approx(15.0, abs=0.01)


def test_a_car_that_differs_is_named_where_it_does() -> None:
    trained_for = known(measured_car())
    assert differences(trained_for, known(measured_car())) == []
    assert differences(trained_for, {}) == []
    other = measured_car()
    other = other.model_copy(update={"pose": other.pose.model_copy(update={"pitch_deg": 18.4, "height_m": 0.151})})
    assert differences(trained_for, known(other)) == ["camera pitch (degrees) 18.4, trained for 18 ± 0.3"]


def test_a_path_is_a_car_or_its_file(tmp_path) -> None:
    calibration = measured_car()
    path = save_calibration(tmp_path, calibration)
    assert read_calibration(tmp_path) == read_calibration(path) == calibration
    with pytest.raises(CalibrationError, match="there is no"):
        read_calibration(tmp_path / "nowhere")
