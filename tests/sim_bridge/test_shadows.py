import numpy as np
import pytest

from sim_bridge import shadows
from sim_bridge.canvas import Canvas, shading
from sim_bridge.room import Room, Thing
from tests.sim_bridge.scenes import plain_scene

ROOM = Room(np.zeros(2), np.array((6.0, 5.0)))
GREY = 100


def lit(room: Room = ROOM, seed: int = 0, *, rgb: bool = False, **changes: object) -> np.ndarray:
    scene = plain_scene(ground_colour=(GREY, GREY, GREY), **changes)
    canvas = Canvas(room.low_m, room.high_m, scene.ground_colour, shading(scene, rgb=rgb))
    shadows.fall(canvas, room, scene, np.random.default_rng(seed))
    return canvas.picture


def test_only_the_walls_shade_an_empty_room() -> None:
    picture = lit()
    assert (picture[100:-100, 100:-100] == GREY).all()
    assert (picture[2, 100:-100] < 85).all()


def test_what_stands_on_the_floor_darkens_it_there_and_what_hangs_does_not() -> None:
    stands, hangs = Thing(2.0, 3.0, 0.4, 0.0, 0.5), Thing(4.0, 2.0, 0.4, 0.5, 0.8)
    picture = lit(Room(ROOM.low_m, ROOM.high_m, (stands, hangs)))
    assert picture[300, 200] < 70
    assert picture[200, 400] == GREY


@pytest.mark.parametrize("depth", [0.2, 0.6])
def test_shadows_take_their_share_of_the_light(depth: float) -> None:
    darkest = [lit(seed=seed, shadows=1, shadow_depth=depth)[100:-100, 100:-100].min() for seed in range(12)]
    assert min(darkest) == pytest.approx(GREY * (1 - depth), abs=3)
    assert max(lit(seed=seed, shadows=3, shadow_depth=depth).max() for seed in range(4)) <= GREY


def test_sun_through_a_window_brightens_its_panes() -> None:
    brightest = [lit(seed=seed, sun_patches=2, sun=0.8)[100:-100, 100:-100].max() for seed in range(12)]
    assert max(brightest) == pytest.approx(GREY * 1.8, abs=4)


def test_colours_are_lit_as_greys_are() -> None:
    changes = {"shadows": 3, "shadow_depth": 0.5, "sun_patches": 2, "sun": 0.5}
    assert (lit(rgb=True, **changes) == lit(**changes)[..., None]).all()
