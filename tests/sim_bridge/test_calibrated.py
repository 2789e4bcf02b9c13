import numpy as np
import pytest

from calibration.known import known
from models.contract import ObservationSpec
from sim_bridge.board_view import BoardCamera, Sheet
from sim_bridge.calibrated import centred
from sim_bridge.distributions import TABLES
from sim_bridge.lens import Lens
from sim_bridge.scene import draw_scene
from tests.calibration.measured_car import measured_car


@pytest.mark.parametrize("table", TABLES)
def test_drawn_cars_are_the_measured_one_and_rooms_stay_as_they_were(table: str) -> None:
    measured = known(measured_car())
    own = centred(TABLES[table], measured)
    assert {name for name in own if own[name] is not TABLES[table][name]} == set(measured)
    scenes = [draw_scene(own, np.random.default_rng(seed)) for seed in range(50)]
    for name, (value, width) in measured.items():
        drawn = np.array([getattr(scene, name) for scene in scenes])
        assert np.abs(drawn - value).max() <= width + 1e-12, name
        assert drawn.max() - drawn.min() > 0.5 * width, name  # as wide as it is uncertain
    assert len({scene.road_width_m for scene in scenes}) == 50


def test_nothing_goes_beyond_what_there_is() -> None:
    own = centred(TABLES["real"], {"latency_s": (0.01, 0.05), "camera_fisheye": (0.99, 0.1)})
    scenes = [draw_scene(own, np.random.default_rng(seed)) for seed in range(50)]
    assert min(scene.latency_s for scene in scenes) >= 0
    assert max(scene.camera_fisheye for scene in scenes) <= 1


def test_a_sheet_on_the_floor_is_seen_where_the_lens_sees_its_corners() -> None:
    """By the other way through the lens than the one that renders."""
    scene, spec = draw_scene(TABLES["real"], np.random.default_rng(3)), ObservationSpec()
    sheet = Sheet(
        np.full((60, 40), 255, np.uint8), np.array((0.6, 0.1, 0.0)), np.array((0, -1.0, 0)), np.array((-1.0, 0, 0)), 0.2
    )
    bright = BoardCamera(scene, spec).look_at(sheet) > 180
    corners = np.array([(0.6, 0.1), (0.6, -0.1), (0.3, 0.1), (0.3, -0.1)])
    columns, rows = Lens(scene, spec).seen_at(*corners.T, np.full(4, -scene.camera_height_m))
    seen_rows, seen_columns = np.nonzero(bright)
    inside = (columns > 0) & (columns < 159) & (rows > 0) & (rows < 119)
    assert inside[:2].all()
    assert seen_rows.min() == pytest.approx(rows[:2].min(), abs=1.5)
    assert bright[round(rows[:2].mean() + 4), round(columns[:2].mean())]
    assert not bright[round(rows[:2].min() - 4), round(columns[:2].mean())]
    assert seen_columns.min() < seen_columns.max()
