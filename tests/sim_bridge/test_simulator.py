import hashlib
import subprocess
import sys

import numpy as np
import pytest

from models.contract import Contract
from models.observation import grey_view, shrink
from settings import PROJECT
from sim_bridge.distributions import EVALUATION, TRAINING, WIDE
from sim_bridge.pursuit import pure_pursuit
from sim_bridge.scene import Always, Choice, Scene, draw_scene
from sim_bridge.simulator import Simulator
from sim_bridge.track import CentreLine, resample
from tests.sim_bridge.test_track_file import eight

SPEC = Contract().observation

_FRAMES = """
import hashlib, sys
import numpy as np
from models.contract import Contract
from sim_bridge.distributions import TRAINING
from sim_bridge.simulator import Simulator
count = int(sys.argv[1])
simulator = Simulator(count, TRAINING, 5, Contract().observation)
seen = hashlib.sha256()
for step in range(30):
    simulator.step(np.full(count, 0.3), np.full(count, 0.2))
    for car in range(2):
        seen.update(simulator.frame(car).tobytes())
    if step == 15:
        simulator.reset(1)
print(seen.hexdigest())
"""


def test_the_same_seed_gives_the_same_frames_in_two_processes_and_any_batch() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", _FRAMES, str(count)], cwd=PROJECT, capture_output=True, text=True, check=True
        ).stdout
        for count in (2, 2, 5)
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == len(hashlib.sha256().hexdigest())


def test_another_seed_another_car_and_the_next_world_look_different() -> None:
    one, other = (Simulator(2, TRAINING, seed, SPEC) for seed in (1, 2))
    assert (one.frame(0) != other.frame(0)).any()
    assert one.worlds[0].scene != one.worlds[1].scene
    before = one.worlds[0].scene
    one.reset(0)
    assert one.worlds[0].scene != before


def test_a_fleet_in_batches_is_the_fleet() -> None:
    whole, second_half = Simulator(4, TRAINING, 3, SPEC), Simulator(2, TRAINING, 3, SPEC, first_car=2)
    assert [world.scene for world in whole.worlds[2:]] == [world.scene for world in second_half.worlds]


def test_worlds_do_not_depend_on_how_the_earlier_ones_were_driven() -> None:
    driven, parked = Simulator(1, TRAINING, 3, SPEC), Simulator(1, TRAINING, 3, SPEC)
    for _ in range(7):
        driven.step(np.array([0.5]), np.array([0.2]))
        driven.frame(0)
    driven.reset(0)
    parked.reset(0)
    assert driven.worlds[0].scene == parked.worlds[0].scene
    assert (driven.frame(0) == parked.frame(0)).all()


def test_the_luma_picture_is_the_luma_of_the_rgb_picture() -> None:
    """What training sees is what preprocessing makes of the RGB frame, but for rounding (and clipped lines)."""
    luma, rgb = Simulator(4, TRAINING, 9, SPEC), Simulator(4, TRAINING, 9, SPEC, rgb=True)
    for car in range(4):
        difference = grey_view(rgb.frame(car), SPEC).astype(int) - shrink(luma.road(car), SPEC)
        assert np.abs(difference).mean() < 1.0
        assert np.percentile(np.abs(difference), 99) <= 4


def test_the_road_is_the_lower_part_of_the_frame() -> None:
    simulator = Simulator(1, TRAINING, 1, SPEC)
    assert simulator.road(0).shape == (80, 160)
    simulator = Simulator(1, {**TRAINING, "camera_noise": EVALUATION["ground_blotches"]}, 1, SPEC)  # next to no noise
    assert np.abs(simulator.frame(0)[40:].astype(int) - simulator.road(0)).max() <= 2


def test_cars_start_where_the_scene_says() -> None:
    simulator = Simulator(32, TRAINING, 11, SPEC)
    state = simulator.state
    for car, world in enumerate(simulator.worlds):
        assert state.offset_m[car] == pytest.approx(world.scene.start_offset * world.track.width_m / 2, abs=2e-3)
        assert np.degrees(state.heading_error_rad[car]) == pytest.approx(world.scene.start_heading_deg, abs=1e-6)
    assert not state.off_road.any()


def test_laps_progress_and_distance_are_those_of_the_road() -> None:
    simulator = Simulator(8, EVALUATION, 2, SPEC)
    progress_m = np.zeros(8)
    for _ in range(900):
        state = simulator.step(pure_pursuit(simulator), np.full(8, 0.2))
        progress_m += state.progress_m
        # The nearest point is found locally, step by step; here by looking at every point and chord.
        for car, centre_m in enumerate(simulator.centre_m()):
            points = simulator.worlds[car].track.points
            nearest_m = np.linalg.norm(points - centre_m, axis=1).min()
            assert abs(state.offset_m[car]) <= nearest_m + 1e-9
            assert nearest_m == pytest.approx(abs(state.offset_m[car]), abs=0.03)
    np.testing.assert_allclose(progress_m, state.driven_m, atol=1e-9)
    for car, world in enumerate(simulator.worlds):
        assert state.laps[car] == int(state.driven_m[car] / world.track.length_m)
        assert state.laps[car] >= 1


EIGHT = CentreLine("eight", resample(eight(2000, start=0.5), 340))  # crosses itself in (0, 0), halfway round


def test_where_the_road_crosses_itself_laps_are_counted_along_it() -> None:
    """Each car keeps to its own stretch: no leap to the other one, and a lap is both loops."""
    simulator = Simulator(6, EVALUATION, 2, SPEC, centre_lines=[EIGHT])
    for _ in range(1000):
        state = simulator.step(pure_pursuit(simulator), np.full(6, 0.2))
        assert np.abs(state.progress_m).max() < 0.12  # 1.5 m/s for 0.05 s, and the inside of a bend
        assert not state.off_road.any()
    assert (state.laps == (state.driven_m / simulator.worlds[0].track.length_m).astype(int)).all()
    assert state.laps.min() >= 2


def test_who_turns_off_at_a_crossing_has_left_the_road() -> None:
    simulator = Simulator(1, EVALUATION, 2, SPEC, centre_lines=[EIGHT])
    while np.linalg.norm(simulator.centre_m()[0]) > 0.1:
        simulator.step(pure_pursuit(simulator), np.array([0.2]))
    turned_off = False
    for _ in range(40):
        turned_off |= bool(simulator.step(np.array([1.0]), np.array([0.2])).off_road[0])
    assert turned_off


def test_left_of_the_centre_is_positive() -> None:
    simulator = Simulator(16, EVALUATION, 4, SPEC)
    for _ in range(12):
        state = simulator.step(np.full(16, -1.0), np.full(16, 0.2))  # hard left
    assert (np.diff([state.offset_m, np.zeros(16)], axis=0) < 0).mean() > 0.9
    assert (state.heading_error_rad > 0).mean() > 0.9


def test_where_the_road_is_seen_is_where_the_picture_shows_its_edges() -> None:
    """Roads of two clean white lines on black: the bright cells are those that lie at -1 and 1."""
    plain = {"ground_colour": (20.0, 20.0, 20.0), "ground_blotches": 0.0, "ground_grain": 0.0, "light": 1.0}
    table = EVALUATION | {name: Always(value) for name, value in plain.items()}
    table |= {"lines": Always(("left", "right")), "line_width_m": Always(0.05), "camera_noise": Always(0.0)}
    simulator, cells = Simulator(8, table, 6, SPEC), 40
    for _ in range(12):
        simulator.step(np.full(8, 0.2), np.full(8, 0.2))
    for car, half_width_m in enumerate(simulator.state.half_width_m):
        across = simulator.road_seen(car, cells)
        bright = simulator.road(car)[1::2, 2::4] > 100  # the pixels in the cells' middles
        from_edge_m = np.abs(np.abs(across) - 1) * half_width_m
        assert bright[from_edge_m < 0.015].mean() > 0.95
        assert bright[(from_edge_m > 0.04) & (np.abs(across) < 1.5)].mean() < 0.02
        left_of_centre_m = across[:, 0] - across[:, -1]
        assert (left_of_centre_m[-10:] > 0).all()


def test_of_a_lost_frame_the_road_is_that_of_the_one_before() -> None:
    simulator = Simulator(1, EVALUATION | {"dropped": Always(1.0)}, 6, SPEC)
    before = simulator.road_seen(0, 16)
    for _ in range(8):
        simulator.step(np.full(1, 1.0), np.full(1, 0.2))
    np.testing.assert_allclose(np.clip(simulator.road_seen(0, 16)[8:], -1, 1), np.clip(before[8:], -1, 1), atol=0.05)


def test_what_lies_beyond_the_stretch_ahead_or_shows_no_floor_is_not_told() -> None:
    simulator = Simulator(1, EVALUATION, 6, SPEC)
    on_road_m = np.stack([simulator.road_ahead_m(distance_m)[0] for distance_m in (0.0, 2.0, 3.5, 5.0)])
    across = simulator.across_road(0, np.concatenate([on_road_m, [[np.nan, 0.0]]]))
    np.testing.assert_allclose(across[:3], 0, atol=1e-9)
    assert np.isnan(across[3:]).all()


def test_restarting_is_the_same_world_from_its_start() -> None:
    simulator = Simulator(2, EVALUATION, 4, SPEC)
    world, start_m = simulator.worlds[0], simulator.centre_m()[0].copy()
    for _ in range(20):
        simulator.step(np.zeros(2), np.full(2, 0.2))
    simulator.restart(0)
    assert simulator.worlds[0] is world
    np.testing.assert_allclose(simulator.centre_m()[0], start_m)
    assert simulator.state.driven_m[0] == 0
    assert simulator.state.driven_m[1] > 0


def test_the_teacher_finishes_what_it_is_measured_on() -> None:
    """The cars of the evaluation table can be driven: else a policy's figures would mean nothing."""
    simulator = Simulator(40, EVALUATION, 6, SPEC)
    on_road = np.ones(40, bool)
    for _ in range(600):
        on_road &= ~simulator.step(pure_pursuit(simulator), np.full(40, 0.2)).off_road
    assert on_road.all()


def test_a_table_has_every_line_of_a_scene_and_keeps_its_ranges(rng: np.random.Generator) -> None:
    for table in (EVALUATION, TRAINING, WIDE):
        assert list(table) == list(Scene.__dataclass_fields__)
        for _ in range(50):
            scene = draw_scene(table, rng)
            for name in ("road_width_m", "latency_s", "camera_fov_deg", "track_corners"):
                assert table[name].low <= getattr(scene, name) <= table[name].high
    for name, evaluated in EVALUATION.items():
        if isinstance(TRAINING[name], Choice):
            assert evaluated.value in TRAINING[name].weights, name
            continue
        if isinstance(evaluated, Always):
            assert TRAINING[name] == evaluated
            continue
        assert TRAINING[name].low <= evaluated.low, name
        assert TRAINING[name].high >= evaluated.high, name


def test_the_written_evaluation_is_the_one_that_runs() -> None:
    """Roads 0.4 to 0.8 m, bends down to 0.7 m, 1.0 m/s and more, 50 ms latency and servo lag."""
    throttle = Contract().actions.throttle[0]
    assert (EVALUATION["road_width_m"].low, EVALUATION["road_width_m"].high) == (0.4, 0.8)
    assert EVALUATION["tightest_radius_m"].low == 0.7
    assert EVALUATION["top_speed_m_s"].low * throttle >= 1.0
    assert EVALUATION["latency_s"].low == EVALUATION["latency_s"].high == 0.05
    assert EVALUATION["servo_lag_s"].low >= 0.05
    assert EVALUATION["roads_across"] == Always(0)  # which draws nothing, so that all else is as before there were any
