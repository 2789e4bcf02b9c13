"""The horizon in drives of the simulated car, whose pitch is known; in a tub as a car records it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.car_file import CalibrationError, nominal
from calibration.horizon import find_horizon, with_horizon
from calibration.latency import fit_delay, weave_of
from models.contract import ObservationSpec
from sim_bridge.bicycle import Bicycles
from sim_bridge.distributions import TABLES
from sim_bridge.scene import Always, draw_scene
from sim_bridge.simulator import Simulator
from storage.tub import Tub
from storage.tub_writer import TubWriter
from tests.calibration.measured_car import LENS, measured_car
from tests.calibration.true_car import ROOM, take_picture

COLUMNS = {"cam/image_array": "image_array", "user/angle": "float", "user/throttle": "float", "user/mode": "str"}

STEPS = 80  # of a leg


def drive(folder: Path, pitch_deg: float) -> Tub:
    """16 s, mostly straight ahead, with small turns to both sides."""
    scene = replace(
        draw_scene(TABLES["real"] | ROOM, np.random.default_rng(14)),  # one with much on its walls: bare ones show none
        camera_pitch_deg=pitch_deg, camera_roll_deg=0.0, camera_yaw_deg=0.0, camera_fov_deg=90.0, camera_fisheye=0.0,
        latency_s=0.1, latency_jitter_s=0.0, servo_lag_s=0.05, dropped=0.0, steering_trim=0.0, lamps=0,
    )  # fmt: skip
    simulator = Simulator(
        1, {name: Always(value) for name, value in vars(scene).items()}, 1, ObservationSpec(), rgb=True
    )
    world, car = simulator.worlds[0], Bicycles(1, 0.05)
    x_m, y_m = (world.track.points.min(axis=0) + world.track.points.max(axis=0)) / 2
    clock_s = iter(0.05 * number + 10 * (number // STEPS) for number in range(4 * STEPS + 10))  # the legs: a pause
    writer = TubWriter(folder, COLUMNS, clock_s=lambda: next(clock_s))
    rng, steering = np.random.default_rng(2), 0.0
    for leg in range(4):
        car.place(0, scene, x_m, y_m, leg * np.pi / 2)
        for step in range(STEPS):
            if step % 10 == 0:
                steering = float(rng.choice((0.0, 0.0, -0.4, 0.4)))
            pose = float(car.x_m[0]), float(car.y_m[0]), float(car.heading_rad[0])
            frame = take_picture(world, car, pose)
            writer.write({"cam/image_array": frame, "user/angle": steering, "user/throttle": 0.2, "user/mode": "user"})
            car.step(np.array([steering]), np.array([0.15]))
    writer.close()
    return Tub(folder)


@pytest.mark.parametrize("pitch_deg", [6.0, 16.0])
def test_pitch_from_a_drive(tmp_path: Path, pitch_deg: float) -> None:
    tub = drive(tmp_path / "tub", pitch_deg)
    horizon = find_horizon(tub)
    focal_px = 80.0  # of 90 degrees across 160
    assert np.degrees(np.arctan((59.5 - horizon.row) / focal_px)) == pytest.approx(pitch_deg, abs=2.0)
    pose = with_horizon(measured_car(), horizon, None).pose
    assert abs(pose.pitch_deg - pitch_deg) < pose.pitch_uncertainty_deg + 0.3
    assert (pose.height_m, pose.roll_deg) == (0.15, 1.0)  # they stay
    assert with_horizon(nominal(), horizon, 90.0).pose.height_m is None
    with pytest.raises(CalibrationError, match="the lens was never measured: add --fov-deg"):
        with_horizon(nominal(), horizon, None)
    assert LENS["fov_deg"] == 90

    delay = fit_delay(weave_of(tub))  # the same drive tells the latency
    assert delay.correlation > 0.8
    assert delay.delay_s + delay.lag_s == pytest.approx(0.15, abs=0.06)


def test_a_drive_that_shows_no_horizon(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="shows no horizon"):
        find_horizon(drive(tmp_path / "tub", 60.0))
