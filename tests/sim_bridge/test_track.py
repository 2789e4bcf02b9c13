import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_bridge.track import CLEARANCE_M, POINT_SPACING_M, Track, draw_track, random_track, resample
from tests.sim_bridge.scenes import plain_scene

drawn = st.builds(
    lambda seed, corners, room_m, radius_m, width_m: (
        random_track(np.random.default_rng(seed), corners, room_m, radius_m, width_m),
        radius_m,
    ),
    st.integers(0, 2**32),
    st.integers(4, 10),
    st.floats(3, 8),
    st.floats(0.65, 1.3),
    st.floats(0.36, 0.85),
)


def circle(radius_m: float, points: int = 400, *, clockwise: bool = False) -> Track:
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False) * (-1 if clockwise else 1)
    return Track(radius_m * np.stack([np.cos(angles), np.sin(angles)], axis=1), width_m=0.5)


@given(drawn)
@settings(max_examples=60, deadline=None)
def test_a_drawn_track_keeps_what_was_asked_for(track_and_radius: tuple[Track, float]) -> None:
    track, radius_m = track_and_radius
    # Three points 5 cm apart see an arc's curvature within a few percent; averaged over 20 cm the tightest bend shows.
    smooth = np.convolve(np.tile(track.curvature_per_m, 3), np.ones(5) / 5, "same")
    assert 1 / np.abs(smooth).max() == pytest.approx(radius_m, rel=0.06)
    assert track.spacing_m == pytest.approx(0.05, rel=0.05)
    # It goes round once, and closes.
    turned = np.sum(track.curvature_per_m) * track.spacing_m
    assert abs(turned) == pytest.approx(2 * np.pi, abs=0.1)


@given(drawn)
@settings(max_examples=30, deadline=None)
def test_no_two_stretches_of_road_touch(track_and_radius: tuple[Track, float]) -> None:
    track, _ = track_and_radius
    distance_m = np.linalg.norm(track.points[:, None] - track.points[None], axis=2)
    steps = np.abs(np.subtract.outer(np.arange(len(track.points)), np.arange(len(track.points))))
    along_m = np.minimum(steps, len(track.points) - steps) * track.spacing_m
    far_along = along_m > (track.width_m + CLEARANCE_M) * np.pi / 2 + 0.3
    assert distance_m[far_along].min() > track.width_m


def test_a_circle_has_its_geometry() -> None:
    track = circle(2.0)
    assert track.length_m == pytest.approx(4 * np.pi, rel=1e-3)
    np.testing.assert_allclose(track.curvature_per_m, 0.5, rtol=1e-3)
    np.testing.assert_allclose(circle(2.0, clockwise=True).curvature_per_m, -0.5, rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(track.offset(0.25), axis=1), 1.75, rtol=1e-3)  # left is inside
    np.testing.assert_allclose(track.starting_at(100).points[0], [0, 2], atol=1e-9)


def test_resampling_spaces_points_evenly() -> None:
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    points = resample(square, 40)
    steps = np.linalg.norm(np.diff(np.vstack([points, points[:1]]), axis=0), axis=1)
    np.testing.assert_allclose(steps, 0.1, atol=1e-9)


@pytest.mark.parametrize("shape", ["blocks", "eight"])
def test_laid_tracks_keep_their_bends_and_their_distance(shape: str) -> None:
    directions = set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scene = plain_scene(
            track_shape=shape,
            room_m=rng.uniform(2.2, 8),
            tightest_radius_m=rng.uniform(0.5, 1.2),
            road_width_m=rng.uniform(0.25, 0.8),
        )
        track = draw_track(rng, scene)
        assert track.width_m == scene.road_width_m
        assert track.spacing_m == pytest.approx(POINT_SPACING_M, rel=0.1)
        tightest_m = 1 / np.percentile(np.abs(track.curvature_per_m), 99)
        assert tightest_m > 0.9 * scene.tightest_radius_m
        directions.add(bool(track.curvature_per_m.sum() > 0))
        if shape == "blocks":
            turned = abs((track.curvature_per_m * track.spacing_m).sum())
            assert turned == pytest.approx(2 * np.pi, abs=0.05)
    if shape == "blocks":
        assert directions == {True, False}


def test_blocks_have_straights_and_an_eight_crosses_itself_once() -> None:
    ways = []
    for seed in range(20):
        scene = plain_scene(track_shape="blocks", room_m=6.0, tightest_radius_m=0.6, road_width_m=0.4)
        track = draw_track(np.random.default_rng(seed), scene)
        ways.append((np.abs(track.curvature_per_m) < 0.05).mean())
    assert np.median(ways) > 0.25
    scene = plain_scene(track_shape="eight", tightest_radius_m=0.6, road_width_m=0.4)
    track = draw_track(np.random.default_rng(1), scene)
    apart = np.abs(np.subtract.outer(np.arange(len(track.points)), np.arange(len(track.points))))
    far_along = (apart > 10) & (apart < len(track.points) - 10)
    near = np.linalg.norm(track.points[:, None] - track.points, axis=2) < 0.06
    assert (near & far_along).any()
    assert np.linalg.norm(track.points[(near & far_along).any(axis=1)], axis=1).max() < 0.15  # all about the middle
