import dataclasses

import numpy as np
import pytest

from models.contract import Contract
from sim_bridge.camera import GroundCamera
from sim_bridge.canvas import PIXELS_PER_M
from sim_bridge.distributions import EVALUATION
from sim_bridge.ground import Ground
from sim_bridge.scene import Scene, draw_scene

SPEC = Contract().observation


def scene(**changes: float) -> Scene:
    plain = {"camera_roll_deg": 0.0, "camera_forward_m": 0.0, "camera_height_m": 0.2, "camera_fov_deg": 90.0}
    return dataclasses.replace(draw_scene(EVALUATION, np.random.default_rng(0)), **(plain | changes))


def ground(spot_m: tuple[float, float], radius_m: float = 0.04) -> Ground:
    """A black floor from (-3, -3) to (3, 3) with one white spot, and a grey wall."""
    at = np.linspace(-3, 3, 6 * PIXELS_PER_M + 1)
    x, y = np.meshgrid(at, at)
    picture = np.where(np.hypot(x - spot_m[0], y - spot_m[1]) <= radius_m, 255, 0).astype(np.uint8)
    return Ground(picture, (-3.0, -3.0), PIXELS_PER_M, (100.0,))


def seen_at(picture: np.ndarray) -> tuple[float, float]:
    """The centre of what is brighter than the wall, row and column weighed by brightness."""
    bright = np.where(picture > 110, picture.astype(float) - 110, 0.0)
    assert bright.any()
    return float((bright.sum(axis=0) @ np.arange(160)) / bright.sum()), float(
        (bright.sum(axis=1) @ np.arange(120)) / bright.sum()
    )


@pytest.mark.parametrize("pitch_deg", [12.0, 24.0])
@pytest.mark.parametrize(("forward_m", "left_m"), [(0.5, 0.0), (0.8, 0.3), (0.6, -0.25), (1.2, 0.5)])
def test_a_spot_is_seen_where_a_pinhole_camera_sees_it(pitch_deg: float, forward_m: float, left_m: float) -> None:
    """Projected the other way round than the camera does it: from the floor into the picture."""
    one = scene(camera_pitch_deg=pitch_deg)
    picture = GroundCamera(one, SPEC).take(ground((forward_m, left_m)), 0.0, 0.0, 0.0)
    pitch = np.radians(pitch_deg)
    depth_m = forward_m * np.cos(pitch) + 0.2 * np.sin(pitch)
    below_m = 0.2 * np.cos(pitch) - forward_m * np.sin(pitch)
    focal_px = 80 / np.tan(np.radians(45))
    expected = 79.5 - focal_px * left_m / depth_m, 59.5 + focal_px * below_m / depth_m
    assert seen_at(picture) == pytest.approx(expected, abs=0.7)


def test_the_picture_turns_and_moves_with_the_car() -> None:
    camera = GroundCamera(scene(camera_pitch_deg=20.0), SPEC)
    straight = camera.take(ground((0.7, 0.1)), 0.0, 0.0, 0.0)
    # The same spot, seen from a car that stands elsewhere and looks along y.
    turned = camera.take(ground((0.5 - 0.1, -1.0 + 0.7)), 0.5, -1.0, np.pi / 2)
    assert seen_at(turned) == pytest.approx(seen_at(straight), abs=0.5)


def test_the_wall_begins_at_the_horizon() -> None:
    picture = GroundCamera(scene(camera_pitch_deg=10.0), SPEC).take(ground((9, 9)), 0.0, 0.0, 0.0)
    horizon = 59.5 - 80 * np.tan(np.radians(10))
    assert (picture[: int(horizon)] == 100).all()
    assert (picture[int(horizon) + 12 :, 60:100] == 0).all()  # the floor's end, 3 m away, lies 5 rows lower


def test_a_camera_that_sees_no_floor_and_one_upside_down() -> None:
    up = GroundCamera(scene(camera_pitch_deg=-80.0), SPEC)
    assert (up.take(ground((0.5, 0.0)), 0.0, 0.0, 0.0) == 100).all()
    assert up.take(ground((0.5, 0.0)), 0.0, 0.0, 0.0, 40).shape == (80, 160)
    upright, over = (
        GroundCamera(scene(camera_pitch_deg=10.0, camera_roll_deg=roll_deg), SPEC) for roll_deg in (0.0, 180.0)
    )
    floor = ground((0.6, 0.1))
    turned = over.take(floor, 0.0, 0.0, 0.0)[::-1, ::-1].astype(int)
    assert np.abs(turned - upright.take(floor, 0.0, 0.0, 0.0)).max() <= 2


def test_roll_and_field_of_view() -> None:
    upright = seen_at(GroundCamera(scene(camera_pitch_deg=20.0), SPEC).take(ground((0.8, 0.4)), 0.0, 0.0, 0.0))
    # A camera rolled clockwise sees the world turned counter-clockwise: what is on its left goes down.
    rolled = seen_at(
        GroundCamera(scene(camera_pitch_deg=20.0, camera_roll_deg=5.0), SPEC).take(ground((0.8, 0.4)), 0.0, 0.0, 0.0)
    )
    assert rolled[1] > upright[1] + 2
    wide = seen_at(
        GroundCamera(scene(camera_pitch_deg=20.0, camera_fov_deg=110.0), SPEC).take(ground((0.8, 0.4)), 0.0, 0.0, 0.0)
    )
    assert abs(wide[0] - 79.5) < abs(upright[0] - 79.5)


def test_rows_can_be_left_out() -> None:
    camera = GroundCamera(scene(), SPEC)
    floor = ground((0.6, 0.0))
    assert (camera.take(floor, 0.0, 0.0, 0.1, 40) == camera.take(floor, 0.0, 0.0, 0.1)[40:]).all()


@pytest.mark.parametrize("fisheye", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("fov_deg", [70.0, 120.0, 160.0])
def test_the_field_of_view_is_that_of_the_picture_whatever_the_lens(fisheye: float, fov_deg: float) -> None:
    """The ray at the middle of the picture's edge comes in at half the field of view; level, it meets no floor, so the
    camera looks straight down here: the distance from below it is height x tan(angle)."""
    if fisheye == 0 and fov_deg > 150:
        pytest.skip("no pinhole shows 160 degrees")
    one = scene(camera_pitch_deg=90.0, camera_fov_deg=fov_deg, camera_fisheye=fisheye)
    looks_at = GroundCamera(one, SPEC)._looks_at.reshape(120, 160, 2)
    beside_m = np.interp(-0.5, [0, 1], looks_at[59:61, 0, 1])  # half a pixel beyond the first column is the edge
    angle_deg = np.degrees(np.arctan(beside_m / 0.2))
    assert angle_deg == pytest.approx(fov_deg / 2, abs=1.0)


def test_an_equidistant_fisheye_spreads_angles_evenly() -> None:
    one = scene(camera_pitch_deg=90.0, camera_fov_deg=140.0, camera_fisheye=1.0)
    left_m = GroundCamera(one, SPEC)._looks_at.reshape(120, 160, 2)[59, :, 1]
    angles = np.degrees(np.arctan(left_m / 0.2))
    np.testing.assert_allclose(np.diff(angles), -140 / 160, rtol=0.03)
