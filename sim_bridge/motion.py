"""Cars moving on their roads: bicycles, and where each stands on its centre line. No pictures."""

from dataclasses import dataclass

import numpy as np

from sim_bridge.bicycle import Bicycles

_BEHIND_POINTS, _AHEAD_POINTS = 12, 80  # of a centre line, 0.05 m apart: the stretch of road that a picture shows
_WINDOW = np.arange(-12, 13)  # centre-line points searched about the last nearest one: ± 0.6 m, twice the fastest step


@dataclass(frozen=True)
class State:
    """How the cars stand on their roads after a step. Arrays of (n,)."""

    offset_m: np.ndarray  # of the car's centre from the centre line, + left
    heading_error_rad: np.ndarray  # of the car from the road, + left, within ± pi
    half_width_m: np.ndarray  # of the road
    speed_m_s: np.ndarray
    progress_m: np.ndarray  # made good along the centre line in this step
    driven_m: np.ndarray  # made good since the start
    laps: np.ndarray  # int, whole laps made good since the start

    @property
    def off_road(self) -> np.ndarray:
        """bool (n,): the car's centre is beyond the edge."""
        return np.abs(self.offset_m) > self.half_width_m


class Motion:
    """`count` cars in lock-step, each on a road of its own."""

    def __init__(self, count: int, period_s: float) -> None:
        self.count = count
        self.bicycles = Bicycles(count, period_s)
        self._rows = np.arange(count)
        self._road = np.arange(count)  # the row of _points that each car drives on
        self._points, self._tangents = np.zeros((2, count, 0, 2))  # centre lines, padded to the longest
        self._point_count, self._nearest = np.ones((2, count), int)
        self._spacing_m, self._half_width_m, self._length_m = np.ones((3, count))
        self._along_m, self._driven_m = np.zeros((2, count))

    def step(self, steering: np.ndarray, throttle: np.ndarray) -> State:
        """Move all cars by one control period under the commands, (n,), -1 .. +1 (+ is right, and forward)."""
        self.bicycles.step(steering, throttle)
        before_m = self._along_m  # _locate makes a new one
        self._locate()
        half_m = self._length_m / 2
        progress_m = (self._along_m - before_m + half_m) % self._length_m - half_m
        self._driven_m += progress_m
        self.state = self._where(progress_m)
        return self.state

    def centre_m(self) -> np.ndarray:
        """The cars' centres, half a wheelbase ahead of their rear axles, float64 (n, 2)."""
        ahead_m = self.bicycles.wheelbase_m / 2
        heading_rad = self.bicycles.heading_rad
        centre_m = np.empty((self.count, 2))
        centre_m[:, 0] = self.bicycles.x_m + ahead_m * np.cos(heading_rad)
        centre_m[:, 1] = self.bicycles.y_m + ahead_m * np.sin(heading_rad)
        return centre_m

    def road_ahead_m(self, distance_m: float | np.ndarray) -> np.ndarray:
        """The centre line's point that far along the road from each car's nearest one, float64 (n, 2)."""
        ahead = self._nearest + np.round(distance_m / self._spacing_m).astype(int)
        return self._points[self._road, ahead % self._point_count]

    def road_turn(self, distance_m: float) -> np.ndarray:
        """By how much the road turns within that distance from each car, its sine, float64 (n,), + left."""
        ahead = (self._nearest + np.round(distance_m / self._spacing_m).astype(int)) % self._point_count
        (here_x, here_y), (there_x, there_y) = self._tangent.T, self._tangents[self._road, ahead].T
        return here_x * there_y - here_y * there_x

    def across_road(self, car: int, points_m: np.ndarray) -> np.ndarray:
        """How far left of the centre line points on the floor lie, (n, 2), in half widths of the road, float64 (n,).

        Of the stretch from 0.6 m behind the car to 4 m ahead of it; NaN for a point that is NaN or beyond its end.
        """
        stretch = self._nearest[car] + np.arange(-_BEHIND_POINTS, _AHEAD_POINTS, 2)
        stretch %= self._point_count[car]
        line_m, (tangent_x, tangent_y) = self._points[car, stretch], self._tangents[car, stretch].T
        from_line_m = points_m[:, None] - line_m
        squared_m2 = from_line_m[:, :, 0] ** 2 + from_line_m[:, :, 1] ** 2
        nearest = np.where(np.isnan(squared_m2), np.inf, squared_m2).argmin(axis=1)
        from_x_m, from_y_m = from_line_m[np.arange(len(points_m)), nearest].T
        across_m = tangent_x[nearest] * from_y_m - tangent_y[nearest] * from_x_m
        return np.where(nearest < len(stretch) - 1, across_m, np.nan) / self._half_width_m[car]

    def imagine(self, copies: int) -> "Motion":
        """The same cars, each `copies` times one after the other, to be driven on without moving these."""
        imagined = Motion(self.count * copies, self.bicycles.period_s)
        imagined.bicycles = self.bicycles.repeat(copies)
        imagined._points, imagined._tangents = self._points, self._tangents
        for name in (
            "_road", "_point_count", "_nearest", "_spacing_m", "_half_width_m", "_length_m", "_along_m", "_driven_m",
        ):  # fmt: skip
            setattr(imagined, name, np.repeat(getattr(self, name), copies))
        return imagined

    def misjudged(self, left_m: np.ndarray, turned_rad: np.ndarray) -> "Motion":
        """The same cars as somebody sees them who errs: each, (n,), so far further left across its road, and turned so
        much further left about its centre."""
        seen = self.imagine(1)
        road_rad, heading_rad = np.arctan2(*self._tangent.T[::-1]), self.bicycles.heading_rad + turned_rad
        centre_x_m, centre_y_m = self.centre_m().T
        seen.bicycles.heading_rad = heading_rad
        behind_m = self.bicycles.wheelbase_m / 2  # of the centre stands the rear axle
        seen.bicycles.x_m = centre_x_m - left_m * np.sin(road_rad) - behind_m * np.cos(heading_rad)
        seen.bicycles.y_m = centre_y_m + left_m * np.cos(road_rad) - behind_m * np.sin(heading_rad)
        seen._locate()
        seen.state = seen._where(self.state.progress_m)
        return seen

    def _locate(self) -> None:
        """Find each car's nearest centre-line point, near its last one, and how far along the road that is.

        Near its last one only: where the road crosses itself or passes close by, a car stays on its own stretch.
        """
        centre_m = self.centre_m()
        candidates = (self._nearest[:, None] + _WINDOW) % self._point_count[:, None]
        from_line_m = centre_m[:, None] - self._points[self._road[:, None], candidates]
        squared_m2 = from_line_m * from_line_m
        nearest = (squared_m2[:, :, 0] + squared_m2[:, :, 1]).argmin(axis=1)
        self._nearest = candidates[self._rows, nearest]
        from_x_m, from_y_m = from_line_m[self._rows, nearest].T
        self._tangent = self._tangents[self._road, self._nearest]
        tangent_x, tangent_y = self._tangent.T
        self._offset_m = tangent_x * from_y_m - tangent_y * from_x_m
        self._along_m = self._nearest * self._spacing_m + (tangent_x * from_x_m + tangent_y * from_y_m)

    def _where(self, progress_m: np.ndarray) -> State:
        road_rad = np.arctan2(self._tangent[:, 1], self._tangent[:, 0])
        return State(
            offset_m=self._offset_m,
            heading_error_rad=(self.bicycles.heading_rad - road_rad + np.pi) % (2 * np.pi) - np.pi,
            half_width_m=self._half_width_m.copy(),
            speed_m_s=self.bicycles.speed_m_s,
            progress_m=progress_m,
            driven_m=self._driven_m.copy(),
            laps=np.floor(np.maximum(self._driven_m, 0) / self._length_m + 1e-9).astype(int),
        )
