"""Hidden cars, calibrated from beginning to end: everything is found within what was promised."""

import pytest

from calibration.camera import with_lens, with_pose
from calibration.car_file import CarCalibration, nominal
from calibration.known import known
from calibration.latency import calibrate_latency
from calibration.oscillator import calibrate_oscillator
from calibration.steering import calibrate_steering
from calibration.throttle import calibrate_throttle
from calibration.vehicle import calibrate_vehicle
from car.calibrating import PHOTO
from sim_bridge.lens import Lens
from tests.calibration.person import Person
from tests.calibration.photographer import SQUARE_M, Photographer
from tests.calibration.true_car import FRAME_S, TrueCar, Truth, draw_truth

CARS = 20


def calibrate_all(truth: Truth, seed: int) -> CarCalibration:
    car = TrueCar(truth, seed)
    person, photographer = Person(car, seed), Photographer(truth.scene, seed)
    found = nominal()
    for procedure in (calibrate_steering, calibrate_throttle, calibrate_oscillator):
        car.take(found, on_stand=True)
        found = procedure(found, car, person.terminal)
    found, _ = with_lens(found, photographer.in_the_hand(), "test")
    found, _ = with_pose(found, photographer.on_the_floor(), SQUARE_M, "test")
    for procedure in (calibrate_vehicle, calibrate_latency):
        car.take(found, on_stand=False)
        found = procedure(found, car, person.terminal)
    return found


def errors(found: CarCalibration, truth: Truth) -> dict[str, tuple[float, float]]:
    """Of each value: how far it is off, and how far it may be."""
    steering, scene = found.steering, truth.scene
    left_us, right_us = truth.left_us - truth.centre_us, truth.right_us - truth.centre_us
    focal_px = Lens(scene, PHOTO).focal_px
    return {
        "steering centre": ((steering.centre_us - truth.centre_us) / min(abs(left_us), abs(right_us)), 0.02),
        "left end": ((steering.left_us - truth.left_us) / left_us, 0.03),
        "right end": ((steering.right_us - truth.right_us) / right_us, 0.03),
        "full lock left": (found.vehicle.left_lock_deg / truth.locks_deg[0] - 1, 0.03),
        "full lock right": (found.vehicle.right_lock_deg / truth.locks_deg[1] - 1, 0.03),
        "focal length": (found.lens.focal_x_px / focal_px - 1, 0.01),
        "pitch (degrees)": (found.pose.pitch_deg - scene.camera_pitch_deg, 0.5),
        "roll (degrees)": (found.pose.roll_deg - scene.camera_roll_deg, 0.5),
        "height": (found.pose.height_m / scene.camera_height_m - 1, 0.05),
        "latency (s)": (found.latency.latency_s - scene.latency_s - scene.latency_jitter_s / 2, FRAME_S),
        "oscillator": (found.chip.oscillator_hz / truth.oscillator_hz - 1, 0.002),
    }


def check(seed: int) -> None:
    truth = draw_truth(seed)
    found = calibrate_all(truth, seed)
    off = errors(found, truth)
    print(f"car {seed}: " + ", ".join(f"{name} {error:+.4f}" for name, (error, _) in off.items()))
    beyond = {name: error for name, (error, most) in off.items() if abs(error) > most}
    assert not beyond
    assert set(known(found)) >= {"camera_fov_deg", "camera_height_m", "latency_s", "full_lock_deg", "steering_trim"}


def test_a_hidden_car() -> None:
    check(0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, CARS))
def test_nineteen_more(seed: int) -> None:
    check(seed)
