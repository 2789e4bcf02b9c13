import numpy as np
import pytest

from models.contract import Contract
from sim_bridge.gloss import Gloss
from sim_bridge.lens import Lens
from sim_bridge.room import Room
from sim_bridge.scene import Scene
from tests.sim_bridge.scenes import plain_scene

SPEC = Contract().observation
FOCAL_PX = 80 / np.tan(np.radians(50))


def glossy(lamp_m: tuple[float, float], scene: Scene) -> Gloss:
    """One lamp, small, above that point of the floor."""
    gloss = Gloss(Room(np.zeros(2), np.ones(2)), scene, Lens(scene, SPEC), np.random.default_rng(0))
    gloss._lamps_m, gloss._size_m = np.array([lamp_m]), 0.1
    return gloss


def scene(**changes: object) -> Scene:
    return plain_scene(**({"lamps": 1, "lamp_height_m": 2.0, "gloss": 150.0, "camera_pitch_deg": 20.0} | changes))


def spot(gloss: Gloss, x_m: float = 0.0, y_m: float = 0.0, heading_rad: float = 0.0) -> tuple[float, float]:
    """Column and row of the reflection."""
    picture = np.zeros((120, 160), np.uint8)
    gloss.add(picture, 0, x_m, y_m, heading_rad)
    rows, columns = np.mgrid[0:120, 0:160]
    return float((picture * columns).sum() / picture.sum()), float((picture * rows).sum() / picture.sum())


@pytest.mark.parametrize("lamp_m", [(5.0, 0.0), (5.0, 1.5), (7.0, -1.0)])
def test_a_lamp_is_reflected_where_its_mirror_image_below_the_floor_is_seen(lamp_m: tuple[float, float]) -> None:
    forward_m, left_m = lamp_m
    depth_m = forward_m * np.cos(np.radians(20)) + 2.2 * np.sin(np.radians(20))
    below_m = 2.2 * np.cos(np.radians(20)) - forward_m * np.sin(np.radians(20))
    expected = 79.5 - FOCAL_PX * left_m / depth_m, 59.5 + FOCAL_PX * below_m / depth_m
    assert spot(glossy(lamp_m, scene())) == pytest.approx(expected, abs=0.7)


def test_it_moves_with_the_car_much_less_than_the_floor_does() -> None:
    gloss = glossy((5.0, 0.5), scene())
    here, further, turned = spot(gloss), spot(gloss, x_m=0.3), spot(gloss, heading_rad=0.1)
    assert 0 < further[1] - here[1] < 6
    assert turned[0] > here[0] + 4
    assert turned[1] == pytest.approx(here[1], abs=1)


def test_a_rough_floor_draws_it_out_and_a_flat_view_reflects_more() -> None:
    def picture(lamp_m: tuple[float, float], **changes: object) -> np.ndarray:
        seen = np.zeros((120, 160), np.uint8)
        glossy(lamp_m, scene(**changes)).add(seen, 0, 0.0, 0.0, 0.0)
        return seen

    smooth, rough = picture((5.0, 0.0)), picture((5.0, 0.0), gloss_smear=6.0)
    assert (rough > 30).any(axis=1).sum() > 3 * (smooth > 30).any(axis=1).sum()
    assert picture((8.0, 0.0)).max() > smooth.max() + 10


def test_lamps_hang_in_rows_all_over_the_room_and_those_behind_are_not_seen() -> None:
    room = Room(np.array((-4.0, -3.0)), np.array((4.0, 3.0)))
    lamps_m = Gloss(room, scene(), Lens(scene(), SPEC), np.random.default_rng(3))._lamps_m
    assert len(lamps_m) >= 4
    assert (np.abs(lamps_m) <= (4.0, 3.0)).all()
    picture = np.zeros((120, 160), np.uint8)
    glossy((-5.0, 0.0), scene()).add(picture, 0, 0.0, 0.0, 0.0)
    assert not picture.any()
