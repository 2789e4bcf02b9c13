"""What people get wrong: each is one clear line, and nothing is saved."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.board import Seen, find_board
from calibration.camera import with_lens, with_pose
from calibration.car_file import (
    CalibrationError,
    known_or_nominal,
    load_calibration,
    nominal,
    path_of,
    save_calibration,
)
from calibration.intrinsics import FEWEST_CORNERS
from calibration.latency import Weave, with_latency
from calibration.oscillator import calibrate_oscillator
from calibration.photos import Photo, read_photo, read_photos
from calibration.steering import calibrate_steering
from calibration.terminal import Terminal, as_metres
from calibration.throttle import calibrate_throttle
from calibration.vehicle import calibrate_vehicle
from sim_bridge.distributions import TABLES
from sim_bridge.scene import draw_scene
from tests.calibration.photographer import SQUARE_M, Photographer, on_the_floor
from tests.calibration.test_procedures import Notes, typed
from tests.conftest import assert_one_line


@pytest.fixture(scope="module")
def photographer() -> Photographer:
    return Photographer(draw_scene(TABLES["real"], np.random.default_rng(3)), 3)


@pytest.fixture(scope="module")
def photos(photographer: Photographer) -> list[Photo]:
    return photographer.in_the_hand(9)


@pytest.fixture
def folder(tmp_path: Path, photos: list[Photo]) -> Path:
    for photo in photos:
        cv2.imwrite(str(tmp_path / f"{photo.name}.png"), photo.picture)
    return tmp_path


class Floor:
    """A drivetrain that takes notes."""

    cap = 0.2

    def __init__(self) -> None:
        self.driven: list[tuple[float, float, float]] = []

    def drive(self, steering: float, throttle: float, duration_s: float) -> None:
        self.driven.append((steering, throttle, duration_s))


def refused(complaint: str):
    return pytest.raises(CalibrationError, match=f"(?s)^(?!.*\n).*{complaint}.*[Nn]othing was saved")


def test_an_esc_that_answers_backwards() -> None:
    with refused("answers backwards"):
        calibrate_throttle(nominal(), Notes(), typed("yes", "", "+30", "", "b"))


def test_swapped_channels() -> None:
    with refused("the motor answers on the steering's channel 1"):
        calibrate_steering(nominal(), Notes(), typed("yes", "m"))
    with refused("the servo answers on the throttle's channel 0"):
        calibrate_throttle(nominal(), Notes(), typed("yes", "", "+30", "", "s"))


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        (["-0.2"], "-0.2 is a negative distance"),
        (["wide"], "'wide' is no number"),
        (["nan"], "nan is not in"),
        (["20"], "20 is not in 0.05"),
        (["0.2", "yes", "", "-1"], "-1 is a negative distance"),
        (["0.2", "yes", "", "0"], "answers backwards"),
        (["0.2", "yes", "", "1", "0.9"], "no straight run"),
        (["0.2", "yes", "", "1", "0", "", "0.5", "0"], "no further than"),
        (["0.2", "yes", *["", "1", "0", "", "2", "0"] * 2, "", "r"], "left and right are swapped"),
        (["0.2", "yes", *["", "1", "0", "", "2", "0"] * 2, "", "l", "-3"], "-3 is a negative distance"),
        (["0.2", "yes", *["", "1", "0", "", "2", "0"] * 2, "", "l", "0.1", "", "r", "9"], "which no car has"),
    ],
)
def test_a_tape_that_makes_no_car(answers: list[str], complaint: str) -> None:
    with refused(complaint):
        calibrate_vehicle(nominal(), Floor(), typed(*answers))


def test_a_car_that_measures_well() -> None:
    floor = Floor()
    answers = ["0.2", "yes", *["", "1", "0.02", "", "2", "0.08"] * 2, "", "l", "", "0.9", "", "r", "1.0"]
    found = calibrate_vehicle(nominal(), floor, typed(*answers))
    assert found.vehicle.left_lock_deg == pytest.approx(23.96, abs=0.01)  # atan(0.2 / 0.45)
    assert found.vehicle.right_lock_deg == pytest.approx(21.80, abs=0.01)
    assert [throttle for throttle, _ in found.vehicle.speeds] == pytest.approx([0.14, 0.2])
    assert found.steering.centre_us < 1500  # it drifted to the right
    assert max(throttle for _, throttle, _ in floor.driven) <= Floor.cap


@pytest.mark.parametrize("text", ["", "60", "60 V", "x Hz", "-60 Hz", "300 us", "9000 Hz"])
def test_a_meter_that_shows_something_else(text: str) -> None:
    with pytest.raises(CalibrationError, match="nothing was saved") as raised:
        calibrate_oscillator(nominal(), Notes(), typed("yes", text))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["1456.3 us", "61.63 Hz"])
def test_a_clock_that_is_fast(text: str) -> None:
    found = calibrate_oscillator(nominal(), Notes(), typed("yes", text))
    assert found.chip.oscillator_hz == pytest.approx(25.75e6, rel=0.002)
    ticks = [c.steering.left_us * c.chip.oscillator_hz for c in (nominal(), found)]
    assert ticks[1] == pytest.approx(ticks[0])  # the same pulse, under its true name


def test_three_identical_pictures(photos: list[Photo]) -> None:
    with refused("2 of 9 pictures repeat another one"):
        with_lens(nominal(), [*photos[:6], photos[0], photos[0], photos[6]], "test")


def test_few_pictures_and_none_of_a_board(photos: list[Photo]) -> None:
    with refused("seen well in 3 of 3"):
        with_lens(nominal(), photos[:3], "test")
    blank = Photo("blank", np.full((480, 640), 128, np.uint8), Seen(np.zeros((0, 2)), np.zeros(0, int)))
    with refused("seen well in 0 of 9"):
        with_lens(nominal(), [blank] * 9, "test")


def test_a_board_half_out_of_view(photographer: Photographer, photos: list[Photo]) -> None:
    calibration, _ = with_lens(nominal(), photos, "test")
    whole = max(
        (photographer.photo("floor", on_the_floor(near_m)) for near_m in (0.16, 0.2)), key=lambda p: len(p.seen)
    )
    with_pose(calibration, whole, SQUARE_M, "test")
    pushed_aside = (photographer.photo("floor", on_the_floor(0.16, aside_m)) for aside_m in np.arange(0.2, 0.6, 0.03))
    aside = next(photo for photo in pushed_aside if len(photo.seen) < FEWEST_CORNERS)
    assert len(aside.seen) > 0
    with refused("out of view in part"):
        with_pose(calibration, aside, SQUARE_M, "test")


def test_a_board_on_the_wall_is_on_no_floor(photos: list[Photo]) -> None:
    calibration, _ = with_lens(nominal(), photos, "test")
    held_up = max(photos, key=lambda photo: len(photo.seen))
    with refused("not on the floor"):
        with_pose(calibration, held_up, SQUARE_M, "test")


def test_pictures_of_two_cameras(folder: Path, photos: list[Photo]) -> None:
    cv2.imwrite(str(folder / "other.png"), photos[0].picture[:240, :320])
    with pytest.raises(CalibrationError, match="is 640 x 480 and other.png is 320 x 240"):
        read_photos(folder)
    calibration, _ = with_lens(nominal(), photos, "test")
    small = cv2.resize(photos[0].picture, (320, 240))
    with refused("the lens was measured at 640 x 480: another camera's"):
        with_pose(calibration, Photo("small.png", small, find_board(small)), SQUARE_M, "test")


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    for content in (b"", b"\x89PNG\r\n\x1a\n", b"text"):
        (tmp_path / "x.png").write_bytes(content)
        with pytest.raises(CalibrationError, match=r"x\.png is no picture"):
            read_photo(tmp_path / "x.png")
    shutil.rmtree(tmp_path)
    with pytest.raises(CalibrationError, match="is no folder"):
        read_photos(tmp_path)
    tmp_path.mkdir()
    with pytest.raises(CalibrationError, match="holds no pictures"):
        read_photos(tmp_path)


def test_a_file_from_another_car(tmp_path: Path) -> None:
    save_calibration(tmp_path, nominal().model_copy(update={"car": "100000001a2b3c4d"}))
    before = path_of(tmp_path).read_bytes()
    with refused("is from another car"):
        known_or_nominal(tmp_path, "10000000deadbeef")
    assert path_of(tmp_path).read_bytes() == before
    assert known_or_nominal(tmp_path, "100000001a2b3c4d") == load_calibration(tmp_path)
    assert known_or_nominal(tmp_path, "") == load_calibration(tmp_path)  # a workstation's business is any car


def weave(sign: float, noise: float = 0.0) -> Weave:
    """20 s at 20 frames a second, the picture turning 0.15 s after the commands."""
    rng, clock_s = np.random.default_rng(0), np.arange(400) * 0.05
    steering = np.repeat(rng.uniform(-1, 1, 40), 10)
    turned = sign * np.roll(steering, 3) * 0.02 + noise * rng.normal(0, 1, 400)
    turned[0] = np.nan
    return Weave(clock_s, steering, clock_s, turned, (slice(0, 400),))


def test_latency_and_a_picture_that_turns_the_other_way() -> None:
    found = with_latency(nominal(), weave(1), "test").latency
    assert found.latency_s + found.servo_lag_s == pytest.approx(0.125, abs=0.03)  # turned in the frame before 0.15 s
    with refused("left and right are swapped"):
        with_latency(nominal(), weave(-1), "test")
    with refused("the picture does not follow"):
        with_latency(nominal(), replace(weave(1, noise=0.2)), "test")


def test_a_person_who_makes_no_room() -> None:
    floor = Floor()
    with pytest.raises(CalibrationError, match="nothing was moved"):
        calibrate_vehicle(nominal(), floor, typed("0.2", "no"))
    assert floor.driven == []


def test_an_answer_that_is_none_is_asked_again() -> None:
    said: list[str] = []
    answers = iter(("x", "", "b"))
    terminal = Terminal(lambda *_: next(answers), said.append)
    assert terminal.choose("?", {"a": "1", "b": "2"}) == "2"
    assert len(said) == 2
    assert as_metres("0,42", 0, 1) == 0.42


def test_the_command_saves_all_or_nothing(manage, folder: Path, tmp_path: Path, photographer: Photographer) -> None:
    car = tmp_path / "car"
    cv2.imwrite(str(tmp_path / "floor.jpg"), np.full((480, 640), 90, np.uint8))
    for photo in range(1, 10):  # the floor's picture is in a folder of its own
        (tmp_path / "hand").mkdir(exist_ok=True)
        shutil.copy(folder / f"{photo}.png", tmp_path / "hand")
    process = manage("calibrate", "camera", tmp_path / "hand", "--floor", tmp_path / "floor.jpg", "--car", car)
    assert process.returncode == 1
    assert "out of view in part" in process.stderr
    assert load_calibration(car) is None
    process = manage("calibrate", "camera", tmp_path / "hand", "--car", car)
    assert process.returncode == 0, process.stderr
    assert load_calibration(car).lens.error_px < 1
    assert (path_of(car).with_name("lens.png")).exists()
    assert_one_line(
        manage("calibrate", "latency", "--from-drive", tmp_path / "hand", "--car", car), "is no donkeycar tub"
    )
    assert_one_line(manage("calibrate", "camera", "--car", car), "a real camera")
    assert manage("calibrate", "board", "--paper", "letter", "--car", car).returncode == 0
    assert path_of(car).with_name("board-letter.pdf").read_bytes().startswith(b"%PDF")
