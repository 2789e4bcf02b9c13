import numpy as np
import pytest

from sim_bridge import floors
from sim_bridge.canvas import Canvas, shading
from sim_bridge.scene import Scene
from tests.sim_bridge.scenes import plain_scene


def floor(scene: Scene, seed: int = 0, *, rgb: bool = False) -> np.ndarray:
    canvas = Canvas(np.zeros(2), np.array((5.0, 4.0)), scene.ground_colour, shading(scene, rgb=rgb))
    floors.lay(canvas, scene, np.random.default_rng(seed))
    return canvas.picture


def scene(kind: str, **changes: object) -> Scene:
    usual = {"floor_piece_m": 0.4, "floor_joint": 0.5, "floor_unlike": 0.1, "floor_colour2": (200.0, 180.0, 160.0)}
    return plain_scene(floor=kind, ground_colour=(110.0, 100.0, 90.0), **(usual | changes))


@pytest.mark.parametrize("kind", floors.KINDS)
def test_it_covers_the_room_about_as_bright_as_the_scene_says_and_is_not_plain(kind: str) -> None:
    for seed in range(8):
        picture = floor(scene(kind), seed)
        assert picture.shape == (400, 500)
        assert picture.std() > 0.3
        assert 80 < np.median(picture) < 175  # of the two colours
        assert picture[-50:, -50:].std() > 0.1


@pytest.mark.parametrize("kind", floors.KINDS)
def test_luma_is_the_luma_of_the_colours(kind: str) -> None:
    grey, colour = floor(scene(kind), 3), floor(scene(kind), 3, rgb=True)
    assert np.abs(colour @ (0.299, 0.587, 0.114) - grey).max() <= 1.5


def test_tiles_are_as_large_as_the_scene_says_with_joints_of_its_brightness() -> None:
    sizes_px = []
    for seed in range(12):
        picture = floor(scene("tiles", floor_unlike=0.0), seed).astype(float)
        rows = picture.mean(axis=1)
        joints = np.flatnonzero(rows < rows.max() - 15)
        starts = joints[np.diff(joints, prepend=-9) > 1]
        sizes_px += np.diff(starts).tolist()
        assert picture.min() > 0.5 * np.median(picture) - 15
    assert set(sizes_px) == {40}


def test_checks_are_of_two_colours_in_turn() -> None:
    picture = floor(scene("checks", floor_joint=1.0), 1).astype(float)
    assert abs(picture[20, 20] - picture[20, 60]) > 5
    assert picture[20, 20] == pytest.approx(picture[60, 60], abs=12)
    assert picture[20, 60] == pytest.approx(picture[60, 20], abs=12)


def test_planks_run_along_one_way_and_end_at_different_places() -> None:
    ways = set()
    for seed in range(12):
        picture = floor(scene("planks", floor_piece_m=0.15, floor_unlike=0.0), seed).astype(float)
        along_rows, along_columns = np.abs(np.diff(picture, axis=1)).mean(), np.abs(np.diff(picture, axis=0)).mean()
        ways.add(bool(along_rows < along_columns))
    assert ways == {True, False}
