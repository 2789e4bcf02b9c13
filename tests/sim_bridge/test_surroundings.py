import dataclasses

import numpy as np
import pytest

from models.contract import Contract
from sim_bridge.lens import Lens
from sim_bridge.room import Room, Thing, furnish
from sim_bridge.scene import Scene
from sim_bridge.surroundings import Surroundings
from sim_bridge.track import Track, resample
from tests.sim_bridge.scenes import plain_scene

SPEC = Contract().observation
FLOOR = 60
HEIGHT_M = 0.2


def scene(**changes: object) -> Scene:
    """White walls without furniture."""
    bare = {"walls": True, "clutter": 0.0, "wall_colour": (250.0, 250.0, 250.0), "camera_pitch_deg": 0.0}
    return plain_scene(**(bare | changes))


def seen(
    room: Room, one: Scene, x_m: float = 0.0, y_m: float = 0.0, heading_rad: float = 0.0, *, rgb: bool = False
) -> np.ndarray:
    around = Surroundings(room, one, Lens(one, SPEC), SPEC, np.random.default_rng(0), rgb=rgb)
    picture = np.full((120, 160, 3) if rgb else (120, 160), FLOOR, np.uint8)
    around.draw(picture, 0, x_m, y_m, heading_rad)
    return picture


def room(*things: Thing, half_m: float = 2.0) -> Room:
    return Room(np.full(2, -half_m), np.full(2, half_m), things)


def first_floor_row(picture: np.ndarray, column: int = 80) -> int:
    """Below the wall in that column."""
    return int(np.flatnonzero(picture[:, column] != FLOOR).max()) + 1


FOCAL_PX = 80 / np.tan(np.radians(50))


@pytest.mark.parametrize("away_m", [0.8, 1.5, 3.0])
def test_a_wall_meets_the_floor_where_a_pinhole_sees_it(away_m: float) -> None:
    picture = seen(room(), scene(), x_m=2.0 - away_m)
    assert first_floor_row(picture) == pytest.approx(59.5 + FOCAL_PX * HEIGHT_M / away_m, abs=1.01)


@pytest.mark.parametrize(("heading_deg", "away_m"), [(0, 1.5), (90, 2.5), (180, 2.5), (270, 1.5), (360, 1.5)])
def test_each_wall_is_as_far_as_it_is(heading_deg: float, away_m: float) -> None:
    picture = seen(room(), scene(), 0.5, -0.5, np.radians(heading_deg))
    assert first_floor_row(picture) == pytest.approx(59.5 + FOCAL_PX * HEIGHT_M / away_m, abs=1.01)


def test_nothing_upright_is_below_it_and_all_above_it_is_wall() -> None:
    picture = seen(room(), scene())
    assert (picture[:60] != FLOOR).all()
    assert (picture[100:] == FLOOR).all()


def test_a_thing_stands_where_it_is_as_large_as_it_is() -> None:
    """A box 1 m ahead and 0.3 m to the left, 0.2 m broad and 0.4 m tall."""
    picture = seen(room(Thing(1.0, 0.3, 0.2, 0.0, 0.4)), scene())
    bare = seen(room(), scene())
    rows, columns = np.nonzero(picture != bare)
    away_m = np.hypot(1.0, 0.3)
    assert columns.mean() == pytest.approx(79.5 - FOCAL_PX * 0.3, abs=2)
    assert np.ptp(columns) == pytest.approx(FOCAL_PX * 0.2 * away_m / 1.0, abs=3)
    assert rows.max() == pytest.approx(59.5 + FOCAL_PX * HEIGHT_M, abs=1.5)
    assert rows.min() == pytest.approx(59.5 - FOCAL_PX * (0.4 - HEIGHT_M), abs=2)


def test_the_nearer_thing_hides_the_farther_and_a_cone_is_narrow_on_top() -> None:
    near, far = Thing(0.8, 0.0, 0.2, 0.0, 0.3), Thing(1.5, 0.0, 0.6, 0.0, 0.8)
    both, alone = seen(room(far, near), scene()), seen(room(Thing(9, 9, 1, 0, 1), near), scene())
    hidden = seen(room(), scene()) != alone
    assert (np.abs(both[hidden].astype(int) - alone[hidden]) < 20).mean() > 0.8  # all but its rim
    assert (alone[67, 66:70] == FLOOR).all()
    assert (both[67, 68:70] != FLOOR).all()  # beside it the other
    cone = seen(room(dataclasses.replace(near, taper=0.9)), scene()) != seen(room(), scene())
    lower, upper = cone[70].sum(), cone[56].sum()
    assert lower > 1.7 * upper > 0


def test_furniture_turns_with_the_heading_and_grows_as_the_car_comes_nearer() -> None:
    cluttered = scene(clutter=1.0)
    one = seen(room(half_m=4.0), cluttered).astype(float)
    turned = seen(room(half_m=4.0), cluttered, heading_rad=np.radians(10)).astype(float)
    shift = round(FOCAL_PX * np.tan(np.radians(10)))
    moved, kept = (
        np.abs(turned[40:60, 60 + shift : 100 + shift] - one[40:60, 60:100]),
        np.abs(turned - one)[40:60, 60:100],
    )
    assert moved.mean() < 0.4 * kept.mean()  # to the right, where the car turned to the left
    near = seen(room(half_m=4.0), cluttered, x_m=2.0)
    assert first_floor_row(near) - first_floor_row(one) == pytest.approx(FOCAL_PX * HEIGHT_M * (1 / 2 - 1 / 4), abs=1.1)


def test_a_glossy_floor_shows_the_walls_upside_down() -> None:
    dull, glossy = seen(room(), scene()), seen(room(), scene(mirror=0.6, mirror_smear_m=0.1))
    edge = first_floor_row(dull)
    assert (glossy[:edge] == dull[:edge]).all()
    assert glossy[edge + 4, 80] > dull[edge + 4, 80] + 40
    assert glossy[119, 80] < glossy[edge + 4, 80] - 30  # steeper views reflect less


def test_colours_and_greys_show_the_same() -> None:
    things = Thing(1.0, 0.3, 0.2, 0.0, 0.4), Thing(1.4, -0.3, 0.2, 0.1, 0.5, 0.5)
    one = scene(clutter=0.7, mirror=0.4, mirror_smear_m=0.3, cast=(1.0, 0.9, 0.8), wall_colour=(150.0,) * 3)
    colour, grey = seen(room(*things), one, rgb=True), seen(room(*things), one)
    off = np.abs(colour @ (0.299, 0.587, 0.114) - grey)
    assert np.percentile(off, 98) <= 2.5
    assert off.max() <= 12  # where a channel is beyond white


def test_what_is_drawn_from_a_row_on_is_what_is_drawn_there() -> None:
    one = scene(clutter=0.7, mirror=0.4, mirror_smear_m=0.3, camera_pitch_deg=12.0)
    around = Surroundings(
        room(Thing(1.0, 0.3, 0.2, 0.0, 0.4)), one, Lens(one, SPEC), SPEC, np.random.default_rng(0), rgb=False
    )
    whole, lower = np.full((120, 160), FLOOR, np.uint8), np.full((80, 160), FLOOR, np.uint8)
    around.draw(whole, 0, 0.0, 0.0, 0.4)
    around.draw(lower, 40, 0.0, 0.0, 0.4)
    assert (whole[40:] == lower).all()


def test_a_room_holds_its_track_and_nothing_stands_on_the_road() -> None:
    angles = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    track = Track(resample(np.stack([2 * np.cos(angles), np.sin(angles)], axis=1), 200), 0.5)
    count = 0
    for seed in range(30):
        one = scene(things=8, wall_gap_m=1.5)
        around = furnish(track, one, np.random.default_rng(seed))
        assert (around.low_m <= track.points.min(axis=0) - 0.25 - 1.5).all()
        assert (around.high_m >= track.points.max(axis=0) + 0.25 + 1.5).all()
        for thing in around.things:
            away_m = np.hypot(track.points[:, 0] - thing.x_m, track.points[:, 1] - thing.y_m).min()
            assert away_m > 0.25 + thing.width_m / 2
            assert (around.low_m < (thing.x_m, thing.y_m)).all()
            assert ((thing.x_m, thing.y_m) < around.high_m).all()
            assert 0 <= thing.from_m < thing.to_m
        count += len(around.things)
    assert count > 60


def test_without_walls_a_room_is_endless_and_draws_nothing() -> None:
    rng = np.random.default_rng(0)
    track = Track(resample(np.array(((0.0, 0.0), (2.0, 0.0), (1.0, 2.0))), 120), 0.5)
    assert np.isinf(furnish(track, plain_scene(), rng).low_m).all()
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
