import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from sim_bridge.across import CROSSING_M, road_across
from sim_bridge.canvas import shading
from sim_bridge.distributions import TRAINING
from sim_bridge.ground import LEVELS, Ground, paint
from sim_bridge.room import furnish
from sim_bridge.scene import Scene, draw_scene, luma
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


def test_far_pixels_see_the_mean_of_the_floor_they_cover() -> None:
    """Each coarser level shows the same places: a spot's middle stays where it is, and its light is kept."""
    track, scene = drawn(4, camera_area=True)
    floor = laid_out(track, scene, 4)
    assert len(floor.coarser) == LEVELS - 1

    def middle_m(level: Ground) -> np.ndarray:
        weights = np.where(level.picture > 100, level.picture, 0).astype(float)
        rows, columns = np.mgrid[0 : weights.shape[0], 0 : weights.shape[1]]
        at = np.array(((weights * columns).sum(), (weights * rows).sum())) / weights.sum()
        return at / level.pixels_per_m + level.origin_m

    for level in floor.coarser[:1]:
        assert middle_m(level) == pytest.approx(middle_m(floor), abs=0.03)
    for finer, level in pairwise((floor, *floor.coarser)):
        assert level.pixels_per_m == finer.pixels_per_m / 2
        assert level.picture.mean() == pytest.approx(finer.picture.mean(), abs=0.6)


def test_worn_lines_let_the_floor_through_and_nothing_else() -> None:
    track, scene = drawn(6)
    fresh, worn = (laid_out(track, dataclasses.replace(scene, line_worn=share), 6) for share in (0.0, 0.3))
    lines = fresh.picture > 240
    assert (worn.picture[~lines & (fresh.picture < 62)] == 60).all()
    assert (worn.picture[lines] < 100).mean() == pytest.approx(0.3, abs=0.12)


def test_a_filled_road_reaches_from_its_first_line_to_its_last() -> None:
    lanes = ("right", "left dashes", "far left")
    track, scene = drawn(7, fill="road", fill_colour=(20.0,) * 3, lines=lanes, roads_across=0)
    floor = laid_out(track, scene, 7)
    for at, share in ((0.5, 1.0), (2.0, 0.6), (-1.4, 0.0)):  # of half the width: own lane, the other, beside the road
        assert ((greys(floor, track.offset(at * track.width_m / 2)) < 30).mean() > 0.5) == (share > 0.5)


def test_a_creased_mat_shines_in_places_and_nothing_else_does() -> None:
    track, scene = drawn(8, fill="mat", fill_colour=(20.0,) * 3, mat_m=0.5, lines=(), roads_across=0)
    plain, creased = (laid_out(track, dataclasses.replace(scene, fill_sheen=sheen), 8) for sheen in (0.0, 60.0))
    mat = plain.picture == 20
    assert (creased.picture[plain.picture == 60] == 60).all()
    assert 0.05 < (creased.picture[mat] > 30).mean() < 0.3


def test_beyond_the_painted_floor_lies_more_floor_where_there_are_walls() -> None:
    track, scene = drawn(2)
    assert laid_out(track, scene, 2).wall == pytest.approx([luma(scene.wall_colour)])
    assert laid_out(track, dataclasses.replace(scene, walls=True, wall_gap_m=9.0), 2).wall == pytest.approx([60.0])
