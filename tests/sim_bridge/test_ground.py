import dataclasses

import numpy as np
import pytest

from sim_bridge.across import CROSSING_M, road_across
from sim_bridge.canvas import shading
from sim_bridge.distributions import TRAINING
from sim_bridge.ground import Ground, paint
from sim_bridge.room import furnish
from sim_bridge.scene import Scene, draw_scene
from sim_bridge.track import Track, random_track

PLAIN = {"light": 1.0, "ground_blotches": 0.0, "ground_grain": 0.0, "ground_colour": (60.0,) * 3}
WHITE_LINES = {"edge_colour": (250.0,) * 3, "centre_colour": (250.0,) * 3, "line_width_m": 0.04}


def drawn(seed: int, **changes: object) -> tuple[Track, Scene]:
    """A training world's track and scene, with white lines on an even floor."""
    rng = np.random.default_rng(seed)
    scene = dataclasses.replace(draw_scene(TRAINING, rng), **(PLAIN | WHITE_LINES | changes))
    sizes = scene.track_corners, scene.room_m, scene.tightest_radius_m, scene.road_width_m
    return random_track(rng, *sizes), scene


def laid_out(track: Track, scene: Scene, seed: int) -> Ground:
    rng = np.random.default_rng(seed)
    return paint(track, furnish(track, scene, rng), scene, shading(scene, rgb=False), rng)


def greys(ground: Ground, points_m: np.ndarray) -> np.ndarray:
    """The floor at world points, as far as they are on it."""
    columns, rows = ((points_m - ground.origin_m) * ground.pixels_per_m).round().astype(int).T
    height, width = ground.picture.shape
    on_floor = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return ground.picture[rows[on_floor], columns[on_floor]]


def test_a_road_across_passes_over_the_road_steeply_and_along_no_stretch_of_it() -> None:
    for seed in range(60):
        track, _ = drawn(seed)
        points_m, left = road_across(track, np.random.default_rng(seed))
        ends_m = points_m[-1] - points_m[0]
        length_m = np.linalg.norm(ends_m)
        assert [ends_m @ left, left @ left] == pytest.approx([0, 1], abs=1e-9)
        assert 1.5 < length_m <= CROSSING_M
        from_middle_m = track.points - (points_m[0] + points_m[-1]) / 2
        steepness_deg = np.degrees(np.arcsin(np.abs(track.tangents @ left)))
        at = np.linalg.norm(from_middle_m, axis=1).argmin()
        assert np.linalg.norm(from_middle_m[at]) < track.spacing_m
        assert steepness_deg[at] > 60 - np.degrees(track.spacing_m / 0.65)  # the next point of the tightest bend
        met = (np.abs(from_middle_m @ left) < track.width_m) & (np.abs(from_middle_m @ ends_m) < length_m**2 / 2)
        assert np.percentile(steepness_deg[met], 2) > 45  # all but the very ends, which the steps along it round


@pytest.mark.parametrize("fill", ["none", "road", "mat"])
def test_a_road_across_is_painted_as_the_driven_one_and_hides_none_of_its_lines(fill: str) -> None:
    for seed in range(5):
        track, scene = drawn(seed, fill=fill, fill_colour=(40.0,) * 3, mat_m=0.3)
        bare = laid_out(track, dataclasses.replace(scene, roads_across=0), seed)
        floor = laid_out(track, dataclasses.replace(scene, roads_across=1), seed)
        assert (floor.picture[bare.picture > 240] > 220).all()
        points_m, left = road_across(track, np.random.default_rng(seed))
        for side in (-1, 1):
            edge_m = points_m + side * track.width_m / 2 * left
            assert (greys(bare, edge_m) < 200).mean() > 0.7
            assert (greys(floor, edge_m) > 200).all()
            lane = greys(floor, points_m + side * track.width_m / 4 * left)
            assert np.median(lane) == (60 if fill == "none" else 40)
        painted = scene.dash_m / (scene.dash_m + scene.gap_m)
        assert (greys(floor, points_m) > 200).mean() == pytest.approx(painted, abs=0.2)


def test_another_crossing_is_another_road() -> None:
    track, scene = drawn(3)
    one, two = (laid_out(track, dataclasses.replace(scene, roads_across=count), 3) for count in (1, 2))
    assert (two.picture[one.picture > 240] > 240).all()
    assert (two.picture > 240).sum() > (one.picture > 240).sum() + 1000
