import numpy as np
import pytest

from models.contract import Contract
from sim_bridge.canvas import shading
from sim_bridge.lens import Lens
from sim_bridge.sensor import Sensor
from tests.sim_bridge.scenes import plain_scene

SPEC = Contract().observation
EDGE = np.full((120, 160), 60, np.uint8)  # dark on the left, bright on the right
EDGE[:, 80:] = 180


def seen(
    light: np.ndarray = EDGE, yaw_rad_s: float = 0.0, speed_m_s: float = 0.0, age_s: float = 0.0, **changes: object
) -> np.ndarray:
    one, rng = plain_scene(**changes), np.random.default_rng(1)
    sensor = Sensor(one, SPEC, Lens(one, SPEC), shading(one, rgb=light.ndim == 3), rng)
    return sensor.develop(light.copy(), 0, age_s, yaw_rad_s, speed_m_s, rng)


def test_a_plain_camera_changes_nothing() -> None:
    assert (seen() == EDGE).all()


def test_gain_gamma_contrast_and_haze_are_a_curve_through_grey() -> None:
    assert seen(gain=1.2)[0, [0, -1]].tolist() == [72, 216]
    assert seen(gain=2.0)[0, -1] == 255
    assert seen(gamma=1.3)[0, 0] == round(255 * (60 / 255) ** 1.3)
    hazy = seen(haze=0.2)
    assert hazy[0, [0, -1]].tolist() == [round(51 + 0.8 * 60), round(51 + 0.8 * 180)]
    vivid = seen(contrast=0.8).astype(int)
    assert np.ptp(vivid) > np.ptp(EDGE) > np.ptp(seen(contrast=-0.3).astype(int))


def test_automatic_exposure_makes_up_for_what_it_sees() -> None:
    dark, bright = np.full_like(EDGE, 30), np.full_like(EDGE, 220)
    assert seen(dark, exposure_adapts=1.0)[60, 80] == pytest.approx(120, abs=1)
    assert seen(bright, exposure_adapts=1.0)[60, 80] == pytest.approx(120, abs=1)
    assert 30 < seen(dark, exposure_adapts=0.4)[60, 80] < 120
    changes = {"drift": 0.2, "drift_period_s": 4.0}
    assert [seen(dark, age_s=age_s, **changes)[0, 0] for age_s in (0.0, 1.0, 3.0)] == [30, 36, 24]


def test_turning_smears_sideways_and_speed_downwards() -> None:
    stripes = np.full((120, 160), 60, np.uint8)
    stripes[::8] = 200
    slow, fast = (np.abs(np.diff(seen(yaw_rad_s=yaw, exposure_s=0.04)[60].astype(int))).max() for yaw in (0.0, 3.0))
    assert slow == 120
    assert fast < 40
    still, quick = (seen(stripes, speed_m_s=speed, exposure_s=0.05) for speed in (0.0, 2.0))
    assert np.ptp(still[80:].astype(int)) == 140
    assert np.ptp(quick[90:110].astype(int)) < 80
    assert (quick[:70] == still[:70]).all()  # what is far off stays where it is


def test_blur_softens_and_sharpening_makes_halos() -> None:
    assert np.abs(np.diff(seen(lens_blur_px=1.5)[60].astype(int))).max() < 50
    sharpened = seen(sharpening=1.0)
    assert sharpened.min() < 50
    assert sharpened.max() > 190


def test_vignetting_and_the_own_shadow_darken_their_places() -> None:
    bright = np.full_like(EDGE, 200)
    vignetted = seen(bright, vignette=0.5)
    assert vignetted[60, 80] >= 199
    assert vignetted[0, 0] == pytest.approx(100, abs=1)
    shadowed = seen(bright, own_shadow=0.5)
    assert shadowed[119, 80] == pytest.approx(100, abs=2)
    assert shadowed[0, 80] == 200


def test_noise_is_as_strong_as_the_scene_says_and_new_each_time() -> None:
    grey = np.full_like(EDGE, 128)
    assert seen(grey, camera_noise=6.0).astype(float).std() == pytest.approx(6, rel=0.05)
    banded = seen(grey, noise_rows=3.0).astype(float)
    assert (banded == banded[:, :1]).all()
    assert banded[:, 0].std() == pytest.approx(3, rel=0.35)


def test_small_modes_and_jpeg_lose_detail_and_keep_the_whole() -> None:
    noise = np.random.default_rng(0).integers(60, 200, EDGE.shape).astype(np.uint8)
    for changes in ({"resolution": 0.5}, {"jpeg_quality": 20}):
        seen_so = seen(noise, **changes)
        assert seen_so.shape == noise.shape
        assert seen_so.dtype == np.uint8
        assert seen_so.mean() == pytest.approx(noise.mean(), abs=1.5)
        assert seen_so.astype(float).std() < 0.9 * noise.std()


@pytest.mark.parametrize("body", ["bumper", "hood", "wheels", "cable"])
def test_the_car_itself_is_seen_at_the_lower_edge(body: str) -> None:
    bright = np.full_like(EDGE, 200)
    picture = seen(bright, body=body, body_share=0.15, body_colour=(20.0, 20.0, 20.0))
    changed = (picture != 200).any(axis=1)
    assert changed.any()
    assert not changed[:95].any()
    coloured = seen(np.dstack([bright] * 3), body=body, body_share=0.15, body_colour=(20.0, 20.0, 20.0))
    assert ((coloured[..., 0] != 200) == (picture != 200)).all()


def test_colours_are_developed_as_greys_are() -> None:
    changes = {
        "gain": 1.3,
        "vignette": 0.3,
        "lens_blur_px": 1.0,
        "exposure_s": 0.03,
        "sharpening": 0.5,
        "camera_noise": 3.0,
    }
    grey = seen(yaw_rad_s=1.0, **changes)
    colour = seen(np.dstack([EDGE] * 3), yaw_rad_s=1.0, **changes)
    assert np.abs(colour.astype(int) - grey[..., None]).max() <= 1
