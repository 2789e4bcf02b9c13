import numpy as np

from models.pictures import YELLOW
from sim_bridge.from_above import track_from_above
from sim_bridge.track import Track


def test_the_car_is_drawn_where_it_is() -> None:
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = Track(2 * np.stack([np.cos(angles), np.sin(angles)], axis=1), width_m=0.5)
    for car_m, expected in (((2.0, 0.0), (90, 50)), ((0.0, 2.0), (50, 10)), ((0.0, -2.0), (50, 90))):  # y points up
        picture = track_from_above(circle, np.array(car_m), 101)
        assert (picture.shape, picture.dtype) == ((101, 101, 3), np.uint8)
        rows, columns = np.nonzero((picture == YELLOW).all(axis=2))
        np.testing.assert_allclose((columns.mean(), rows.mean()), expected, atol=1)
