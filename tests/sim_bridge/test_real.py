from collections import Counter

import numpy as np
import pytest

from models.contract import Contract
from models.observation import grey_view, shrink
from sim_bridge import floors
from sim_bridge.distributions import EVALUATION, TRAINING, WIDE
from sim_bridge.lines import MARKS
from sim_bridge.pursuit import pure_pursuit
from sim_bridge.real import LAYOUTS, REAL
from sim_bridge.scene import Always, Given, Integer, Scene, Small, Uniform, draw_scene, luma
from sim_bridge.simulator import Simulator

SPEC = Contract().observation


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    rng = np.random.default_rng(1)
    return [draw_scene(REAL, rng) for _ in range(3000)]


def test_it_has_every_line_of_a_scene() -> None:
    assert set(REAL) == set(Scene.__dataclass_fields__)


def test_the_narrower_the_road_the_slower_it_is_driven(scenes: list[Scene]) -> None:
    speed_m_s = 0.2 * np.array([scene.top_speed_m_s for scene in scenes])
    width_m = np.array([scene.road_width_m for scene in scenes])
    assert speed_m_s.min() < 0.62
    assert speed_m_s.max() > 1.55
    aside_m = 0.3 * speed_m_s * 0.3  # in 0.3 s, by 0.3 rad
    assert ((aside_m <= width_m / 4 + 1e-9) | (speed_m_s <= 0.7 + 1e-9)).all()
    assert speed_m_s[width_m < 0.3].max() < 0.85


def test_every_range_is_kept_and_filled(scenes: list[Scene]) -> None:
    for name, line in REAL.items():
        if isinstance(line, Uniform | Small | Integer):
            drawn = np.array([getattr(scene, name) for scene in scenes])
            assert line.low <= drawn.min(), name
            assert drawn.max() <= line.high, name
            assert np.ptp(drawn) > 0.9 * (line.high - line.low), name


def test_lenses_and_poses_are_those_that_are_promised(scenes: list[Scene]) -> None:
    """60 to 165 degrees, 8 to 30 cm, 0 to 40 degrees down; the widest are fisheyes, the narrowest may be pinholes."""
    fov = np.array([scene.camera_fov_deg for scene in scenes])
    pitch = np.array([scene.camera_pitch_deg for scene in scenes])
    height_m = np.array([scene.camera_height_m for scene in scenes])
    assert 60 <= fov.min() < 62
    assert 163 < fov.max() <= 165
    assert height_m.min() >= 0.08
    assert height_m.max() <= 0.30
    assert pitch.min() >= 0
    assert pitch.max() <= 40
    assert (pitch > 30).mean() > 0.02
    assert min(scene.camera_fisheye for scene in scenes if scene.camera_fov_deg > 160) > 0.8
    assert min(scene.camera_fisheye for scene in scenes if scene.camera_fov_deg < 80) < 0.1


def test_every_road_can_be_driven_by_its_car(scenes: list[Scene]) -> None:
    for scene in scenes:
        turns_m = scene.wheelbase_m / np.tan(np.radians(scene.full_lock_deg))
        assert max(0.5, 1.1 * turns_m) <= scene.tightest_radius_m
        assert 0.25 <= scene.road_width_m <= min(1.0, 1.7 * scene.tightest_radius_m)


def test_every_layout_floor_and_shape_comes_up(scenes: list[Scene]) -> None:
    layouts = Counter(scene.lines for scene in scenes)
    assert set(layouts) == {*LAYOUTS.weights, ()}
    assert all(scene.fill == "road" for scene in scenes if not scene.lines)
    assert all(name in MARKS for layout in layouts for name in layout)
    assert {scene.floor for scene in scenes} == {"plain", *floors.KINDS}
    assert {scene.track_shape for scene in scenes} == {"corners", "blocks", "eight"}
    assert {scene.fill for scene in scenes} == {"none", "road", "mat"}
    assert {scene.body for scene in scenes} == {"none", "bumper", "hood", "wheels", "cable"}


def test_a_mirrored_world_is_as_likely(scenes: list[Scene]) -> None:
    """Half of all batches are mirrored in training: no layout may know left from right."""
    for layout, weight in LAYOUTS.weights.items():
        swapped = {"left": "right", "right": "left"}
        mirrored = {" ".join(swapped.get(word, word) for word in name.split()) for name in layout}
        assert any(set(other) == mirrored and LAYOUTS.weights[other] == weight for other in LAYOUTS.weights), layout
    for name in ("steering_trim", "steering_uneven", "camera_yaw_deg", "camera_roll_deg", "camera_left_m"):
        assert REAL[name].low == -REAL[name].high, name


def test_lines_can_be_told_from_what_they_lie_on_and_are_dark_or_bright(scenes: list[Scene]) -> None:
    brighter = []
    for scene in scenes:
        bed = luma(scene.ground_colour if scene.fill == "none" else scene.fill_colour)
        for colour in (scene.edge_colour, scene.centre_colour):
            assert abs(luma(colour) - bed) > 34
            assert min(scene.gain * luma(colour), scene.gain * bed) < 230  # never both burnt out
        brighter.append(luma(scene.edge_colour) > bed)
    assert 0.5 < np.mean(brighter) < 0.8


def test_the_older_tables_have_nothing_of_it() -> None:
    """Their lines that only REAL varies are constants, and these are what leaves a picture as it is."""
    added = list(Scene.__dataclass_fields__)[list(Scene.__dataclass_fields__).index("servo_rate_per_s") :]
    for table in (EVALUATION, TRAINING, WIDE):
        assert list(table) == list(Scene.__dataclass_fields__)
        for name in added:
            assert isinstance(table[name], Always), name
    assert not any(isinstance(line, Given) for table in (EVALUATION, TRAINING, WIDE) for line in table.values())


def test_the_luma_picture_is_the_luma_of_the_rgb_picture() -> None:
    """What training sees is what preprocessing makes of the RGB frame: everywhere the same things are drawn.

    Grey levels differ a little where colours are clipped or pass through a curve before they become luma.
    """
    plain = REAL | {"jpeg_quality": Always(0), "camera_noise": Always(0.0), "noise_rows": Always(0.0)}
    luma_cars, rgb_cars = (Simulator(24, plain, 4, SPEC, rgb=rgb) for rgb in (False, True))
    alike = 0
    for car in range(24):
        seen = shrink(luma_cars.road(car), SPEC).astype(float)
        grey = grey_view(rgb_cars.frame(car), SPEC).astype(float)
        alike += np.corrcoef(seen.ravel(), grey.ravel())[0, 1] > 0.98 and np.abs(seen - grey).mean() < 12
    assert alike >= 23


def test_the_road_is_the_lower_part_of_the_frame() -> None:
    still = REAL | {"jpeg_quality": Always(0), "camera_noise": Always(0.0), "noise_rows": Always(0.0)}
    still |= {"resolution": Always(1.0)}
    simulator = Simulator(16, still, 2, SPEC)
    for car in range(16):
        difference = np.abs(simulator.frame(car)[SPEC.crop_top :].astype(int) - simulator.road(car))
        assert np.median(difference) <= 1
        assert np.percentile(difference[12:], 99) <= 4, car  # blurs see what is above the crop, or do not


def test_the_same_seed_gives_the_same_frames_in_any_batch_and_after_any_drive() -> None:
    small, large = Simulator(2, REAL, 5, SPEC), Simulator(5, REAL, 5, SPEC)
    for _ in range(6):
        for simulator in (small, large):
            simulator.step(np.full(simulator.count, 0.4), np.full(simulator.count, 0.2))
        for car in range(2):
            assert (small.road(car) == large.road(car)).all()
    parked = Simulator(2, REAL, 5, SPEC)
    parked.reset(1)
    small.reset(1)
    assert small.worlds[1].scene == parked.worlds[1].scene
    assert (small.worlds[1].ground.picture == parked.worlds[1].ground.picture).all()
    assert (small.frame(1) == parked.frame(1)).all()


def test_worlds_differ_from_each_other() -> None:
    simulator = Simulator(12, REAL, 3, SPEC)
    views = np.stack([shrink(simulator.road(car), SPEC).ravel() for car in range(12)]).astype(float)
    between = np.abs(views[:, None] - views).mean(axis=2)
    assert np.median(between[np.triu_indices(12, 1)]) > 25


def test_a_lost_frame_shows_the_one_before_again() -> None:
    still = {"camera_noise": Always(0.0), "noise_rows": Always(0.0), "drift": Always(0.0), "exposure_s": Always(0.0)}
    lossy, whole = (Simulator(1, REAL | still | {"dropped": Always(share)}, 8, SPEC) for share in (0.5, 0.0))
    before, again, fresh = lossy.road(0), 0, 0
    for _ in range(40):
        for simulator in (lossy, whole):
            simulator.step(pure_pursuit(simulator), np.full(1, 0.2))
        assert (lossy.centre_m() == whole.centre_m()).all()  # the car goes on all the same
        seen = lossy.road(0)
        again += (seen == before).all()
        fresh += (seen == whole.road(0)).all()
        before = seen
    assert 10 < again < 30
    assert 10 < fresh < 30
    assert again + fresh == 40
    lossy.restart(0)
    whole.restart(0)
    assert (lossy.road(0) == whole.road(0)).all()


def test_who_sees_the_track_can_drive_nearly_everywhere() -> None:
    """Else a policy's figures on this table would tell of the cars: the starts are as wide as the table has them."""
    simulator = Simulator(60, REAL, 6, SPEC)
    on_road = np.ones(60, bool)
    for _ in range(400):
        on_road &= ~simulator.step(pure_pursuit(simulator, 0.5), np.full(60, 0.2)).off_road
    assert on_road.mean() > 0.9
