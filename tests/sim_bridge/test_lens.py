import numpy as np
import pytest

from models.contract import Contract
from sim_bridge.lens import Lens
from tests.sim_bridge.scenes import plain_scene

SPEC = Contract().observation


@pytest.mark.parametrize("fisheye", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("fov_deg", [60.0, 110.0, 160.0])
def test_a_direction_is_seen_at_the_pixel_that_looks_there(fisheye: float, fov_deg: float) -> None:
    if fisheye == 0 and fov_deg > 150:
        pytest.skip("no pinhole shows 160 degrees")
    pose = {"camera_pitch_deg": 23.0, "camera_roll_deg": -7.0, "camera_yaw_deg": 5.0}
    lens = Lens(plain_scene(camera_fov_deg=fov_deg, camera_fisheye=fisheye, **pose), SPEC)
    columns, rows = lens.seen_at(*lens.rays)
    expected_rows, expected_columns = np.mgrid[0:120, 0:160]
    in_front = ~np.isnan(columns)  # the corners of the widest lens look sideways and see nothing
    assert in_front.mean() > 0.85
    np.testing.assert_allclose(columns[in_front], expected_columns.ravel()[in_front], atol=1e-6)
    np.testing.assert_allclose(rows[in_front], expected_rows.ravel()[in_front], atol=1e-6)


def test_what_is_behind_is_not_seen() -> None:
    lens = Lens(plain_scene(camera_fov_deg=160.0, camera_fisheye=1.0, camera_pitch_deg=0.0), SPEC)
    columns, _ = lens.seen_at(np.array([-1.0, 1.0]), np.array([0.1, 0.1]), np.array([0.0, 0.0]))
    assert np.isnan(columns).tolist() == [True, False]


def test_a_camera_turned_to_the_left_sees_what_is_ahead_on_its_right() -> None:
    ahead = np.array([1.0]), np.array([0.0]), np.array([-0.2])
    straight = Lens(plain_scene(), SPEC).seen_at(*ahead)[0]
    assert straight == pytest.approx(79.5)
    assert Lens(plain_scene(camera_yaw_deg=4.0), SPEC).seen_at(*ahead)[0] > straight + 2
