import numpy as np

from sim_bridge import stray
from sim_bridge.canvas import Canvas, shading
from sim_bridge.scene import Scene
from sim_bridge.track import Track, resample
from tests.sim_bridge.scenes import plain_scene

ANGLES = np.linspace(0, 2 * np.pi, 3000, endpoint=False)
RING = Track(resample(1.5 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1), 188), 0.5)


def floor(scene: Scene) -> Canvas:
    return Canvas(np.full(2, -3.0), np.full(2, 3.0), scene.ground_colour, shading(scene, rgb=False))


def from_middle_m() -> np.ndarray:
    """Of each pixel."""
    at_m = (np.arange(600) + 0.5) / 100 - 3
    return np.hypot(*np.meshgrid(at_m, at_m))


def test_shapes_lie_beside_the_road_never_on_it() -> None:
    marked = np.zeros((600, 600), bool)
    for seed in range(20):
        scene = plain_scene(stray_shapes=8, edge_colour=(240.0,) * 3)
        canvas = floor(scene)
        stray.strew(canvas, RING, scene, np.random.default_rng(seed))
        marked |= canvas.picture != canvas.picture[0, 0]
    on_road = np.abs(from_middle_m() - 1.5) < 0.22
    assert not marked[on_road].any()
    assert marked.mean() > 0.05


def test_stray_lines_go_anywhere_mostly_unlike_the_roads() -> None:
    crossed, brighter = 0, []
    for seed in range(40):
        scene = plain_scene(stray_lines=3, ground_colour=(120.0,) * 3, edge_colour=(240.0,) * 3)
        canvas = floor(scene)
        stray.strew(canvas, RING, scene, np.random.default_rng(seed))
        crossed += (canvas.picture[np.abs(from_middle_m() - 1.5) < 0.2] != 120).any()
        marks = canvas.picture[canvas.picture != 120].astype(int)
        brighter.append((marks > 120).mean())
    assert crossed > 25
    assert 0.2 < np.mean(brighter) < 0.5


def test_bars_lie_across_the_road_and_nowhere_else() -> None:
    for changes in ({"zebras": 2}, {"stop_lines": 3}):
        for seed in range(10):
            scene = plain_scene(edge_colour=(240.0,) * 3, **changes)
            canvas = floor(scene)
            stray.bars(canvas, RING, scene, np.random.default_rng(seed))
            marked = canvas.picture > 150
            assert marked.sum() > 30
            assert (
                np.abs(from_middle_m()[marked] - 1.5).max() < 0.25 + 0.1
            )  # half a metre along a tangent strays so far
