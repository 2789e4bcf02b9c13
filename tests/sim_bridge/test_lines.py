import dataclasses

import numpy as np
import pytest

from sim_bridge.lines import MARKS, laid
from sim_bridge.scene import Scene
from sim_bridge.track import Track, resample
from tests.sim_bridge.scenes import plain_scene

WIDTH_M = 0.6


def ring(radius_m: float = 1.5) -> Track:
    """A circle, driven counter-clockwise: left is inside."""
    angles = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    points = radius_m * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return Track(resample(points, round(2 * np.pi * radius_m / 0.05)), WIDTH_M)


def scene(**changes: object) -> Scene:
    return plain_scene(line_width_m=0.03, tightest_radius_m=1.5, dash_m=0.2, gap_m=0.1, **changes)


def radii_m(pieces: list[np.ndarray]) -> np.ndarray:
    return np.linalg.norm(np.concatenate(pieces), axis=1)


@pytest.mark.parametrize("name", MARKS)
def test_a_perfect_line_lies_where_its_mark_says_and_draws_nothing(name: str) -> None:
    rng = np.random.default_rng(0)
    pieces, closed = laid(ring(), scene(), name, rng)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
    np.testing.assert_allclose(radii_m(pieces), 1.5 - MARKS[name].at * WIDTH_M / 2, atol=2e-3)
    assert closed == (not MARKS[name].dashed)


def test_dashes_have_their_length_and_their_gaps() -> None:
    pieces, _ = laid(ring(), scene(), "dashes", np.random.default_rng(0))
    lengths_m = [np.linalg.norm(np.diff(piece, axis=0), axis=1).sum() for piece in pieces]
    assert lengths_m == pytest.approx([0.2] * len(lengths_m), abs=0.01)
    assert len(pieces) == pytest.approx(2 * np.pi * 1.5 / 0.3, abs=1)


def test_a_double_line_is_two_strips_with_floor_between() -> None:
    pieces, closed = laid(ring(), scene(line_double_m=0.04), "centre", np.random.default_rng(0))
    assert closed
    assert [radii_m([piece]).mean() for piece in pieces] == pytest.approx([1.535, 1.465], abs=2e-3)


def test_wobble_and_sway_stay_within_what_the_scene_says() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        off_m = radii_m(laid(ring(), scene(line_wobble_m=0.03, road_sway=0.1), "right", rng)[0]) - 1.8
        assert 0.005 < np.abs(off_m).max() <= 0.03 * 1.3 + 0.3 * 0.1 * 1.3


def test_the_share_that_is_missing_is_missing() -> None:
    whole_m = 2 * np.pi * 1.5
    for seed in range(10):
        pieces, closed = laid(ring(), scene(line_missing=0.2), "centre", np.random.default_rng(seed))
        there_m = sum(np.linalg.norm(np.diff(piece, axis=0), axis=1).sum() for piece in pieces)
        assert not closed
        assert 0.6 < there_m / whole_m < 0.82


def test_tape_is_laid_in_straight_pieces() -> None:
    pieces, _ = laid(ring(), scene(tape_piece_m=0.5), "centre", np.random.default_rng(0))
    assert len(pieces) == 1
    lengths_m = np.linalg.norm(np.diff(pieces[0], axis=0), axis=1)
    assert np.median(lengths_m) == pytest.approx(0.5, abs=0.02)


def test_a_far_line_never_lies_on_the_road() -> None:
    """A ring so tight that what should be 0.9 m inside of it would come out on its other side."""
    track = ring(0.55)
    tight = dataclasses.replace(scene(), tightest_radius_m=0.55)
    pieces, _ = laid(track, tight, "far left", np.random.default_rng(0))
    assert pieces == []
    wide = Track(ring(2.0).points, WIDTH_M)
    assert radii_m(laid(wide, dataclasses.replace(scene(), tightest_radius_m=2.0), "far left", None)[0]).max() < 1.2
