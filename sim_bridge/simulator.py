"""The embedded simulator: many cars in lock-step, each on a track of its own, headless.

Car i's k-th world depends on (seed, i, k) alone: not on how many cars there are, nor on how the earlier worlds were
driven. So the same seed gives the same frames in any process and any batch, and two policies can be compared on equal
terms.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.contract import ObservationSpec
from sim_bridge.bicycle import Bicycles
from sim_bridge.camera import GroundCamera
from sim_bridge.canvas import shading
from sim_bridge.gloss import Gloss
from sim_bridge.ground import Ground, paint
from sim_bridge.lens import Lens
from sim_bridge.room import furnish
from sim_bridge.scene import Scene, Table, draw_scene
from sim_bridge.sensor import Sensor
from sim_bridge.surroundings import Surroundings
from sim_bridge.track import CentreLine, Track, draw_track

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


@dataclass
class World:
    """One car's track, floor and camera."""

    scene: Scene
    track: Track
    ground: Ground
    camera: GroundCamera
    surroundings: Surroundings | None
    gloss: Gloss | None
    sensor: Sensor
    rng: np.random.Generator


class Simulator:
    """`count` cars. `reset` gives a car a new world, `step` moves all of them by one control period, `frame` looks."""

    def __init__(
        self,
        count: int,
        table: Table,
        seed: int | tuple[int, ...],
        spec: ObservationSpec,
        *,
        rgb: bool = False,
        first_car: int = 0,
        centre_lines: Sequence[CentreLine] = (),
    ) -> None:
        """rgb: paint colours, for people and for donkeycar; luma alone is three times cheaper and all a policy sees.
        first_car: the number of the first car, so that a fleet can be simulated in several batches.
        centre_lines: instead of random tracks; car i drives number i, and after the last the first. All else is drawn
        as without them."""
        self.spec = spec
        self.count = count
        self.worlds: list[World] = []
        self.bicycles = Bicycles(count, spec.period_s)
        self._table, self._seed, self._rgb, self._first_car = table, seed, rgb, first_car
        self._centre_lines = tuple(centre_lines)
        self._worlds_drawn = [0] * count
        self._car = np.arange(count)
        self._points, self._tangents = np.zeros((2, count, 0, 2))  # centre lines, padded to the longest
        self._point_count, self._nearest = np.ones((2, count), int)
        self._spacing_m, self._half_width_m, self._length_m = np.ones((3, count))
        self._along_m, self._driven_m = np.zeros((2, count))
        for car in range(count):
            self.worlds.append(self._new_world(car))
        self._locate()
        self.state = self._where(np.zeros(count))

    def reset(self, *cars: int) -> None:
        """A new world for each of these cars, standing at its start."""
        for car in cars:
            self.worlds[car] = self._new_world(car)
        self._locate()
        self.state = self._where(self.state.progress_m)

    def restart(self, car: int) -> None:
        """Back to the start of the same world."""
        self._to_start(car, self.worlds[car])
        self._locate()
        self.state = self._where(self.state.progress_m)

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

    def frame(self, car: int) -> np.ndarray:
        """What the car's camera sees: uint8 (frame_height, frame_width, 3) RGB, or (.., ..) luma without rgb."""
        return self._look(car, 0)

    def road(self, car: int) -> np.ndarray:
        """The rows of the frame that the policy sees: the cheaper half of `frame`."""
        return self._look(car, self.spec.crop_top)

    def centre_m(self) -> np.ndarray:
        """The cars' centres, half a wheelbase ahead of their rear axles, float64 (n, 2)."""
        ahead_m = self.bicycles.wheelbase_m / 2
        heading_rad = self.bicycles.heading_rad
        centre_m = np.empty((self.count, 2))
        centre_m[:, 0] = self.bicycles.x_m + ahead_m * np.cos(heading_rad)
        centre_m[:, 1] = self.bicycles.y_m + ahead_m * np.sin(heading_rad)
        return centre_m

    def road_ahead_m(self, distance_m: float) -> np.ndarray:
        """The centre line's point that far along the road from each car's nearest one, float64 (n, 2)."""
        ahead = self._nearest + np.round(distance_m / self._spacing_m).astype(int)
        return self._points[self._car, ahead % self._point_count]

    def _look(self, car: int, first_row: int) -> np.ndarray:
        world, cars = self.worlds[car], self.bicycles
        pose = cars.x_m[car], cars.y_m[car], cars.heading_rad[car]
        picture = world.camera.take(world.ground, *pose, first_row)
        if world.surroundings:
            world.surroundings.draw(picture, first_row, *pose)
        if world.gloss:
            world.gloss.add(picture, first_row, *pose)
        speed_m_s = cars.speed_m_s[car]
        yaw_rad_s = speed_m_s * math.tan(-cars.steering[car] * cars.full_lock_rad[car]) / cars.wheelbase_m[car]
        return world.sensor.develop(picture, first_row, yaw_rad_s, speed_m_s, world.rng)

    def _new_world(self, car: int) -> World:
        key = (self._first_car + car, self._worlds_drawn[car])
        self._worlds_drawn[car] += 1
        rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=key))
        scene = draw_scene(self._table, rng)
        if self._centre_lines:
            line = self._centre_lines[(self._first_car + car) % len(self._centre_lines)]
            track = Track(line.points, scene.road_width_m)
        else:
            track = draw_track(rng, scene)
            track = track.starting_at(int(rng.integers(len(track.points))))
        lens = Lens(scene, self.spec)
        shade = shading(scene, rgb=self._rgb)
        room = furnish(track, scene, rng)
        world = World(
            scene=scene,
            track=track,
            ground=paint(track, room, scene, shade, rng),
            camera=GroundCamera(scene, self.spec, lens),
            surroundings=Surroundings(room, scene, lens, self.spec, shade, rng) if scene.walls else None,
            gloss=Gloss(room, scene, lens, rng) if scene.lamps else None,
            sensor=Sensor(scene, self.spec, lens, shade, rng),
            rng=rng,
        )
        self._to_start(car, world)
        return world

    def _to_start(self, car: int, world: World) -> None:
        track, scene = world.track, world.scene
        shortage = len(track.points) - self._points.shape[1]
        if shortage > 0:
            padding = ((0, 0), (0, shortage), (0, 0))
            self._points, self._tangents = np.pad(self._points, padding), np.pad(self._tangents, padding)
        self._points[car, : len(track.points)] = track.points
        self._tangents[car, : len(track.points)] = track.tangents
        self._point_count[car], self._spacing_m[car] = len(track.points), track.spacing_m
        self._length_m[car] = track.spacing_m * len(track.points)
        self._half_width_m[car], self._nearest[car], self._driven_m[car] = track.width_m / 2, 0, 0.0
        (x_m, y_m), (tangent_x, tangent_y) = track.points[0], track.tangents[0]
        heading_rad = np.arctan2(tangent_y, tangent_x) + np.radians(scene.start_heading_deg)
        left_m = scene.start_offset * track.width_m / 2
        back_m = scene.wheelbase_m / 2  # the scene places the car's centre, the bicycle its rear axle
        self.bicycles.place(
            car,
            scene,
            x_m - left_m * tangent_y - back_m * np.cos(heading_rad),
            y_m + left_m * tangent_x - back_m * np.sin(heading_rad),
            heading_rad,
        )

    def _locate(self) -> None:
        """Find each car's nearest centre-line point, near its last one, and how far along the road that is.

        Near its last one only: where the road crosses itself or passes close by, a car stays on its own stretch.
        """
        centre_m = self.centre_m()
        candidates = (self._nearest[:, None] + _WINDOW) % self._point_count[:, None]
        from_line_m = centre_m[:, None] - self._points[self._car[:, None], candidates]
        squared_m2 = from_line_m * from_line_m
        nearest = (squared_m2[:, :, 0] + squared_m2[:, :, 1]).argmin(axis=1)
        self._nearest = candidates[self._car, nearest]
        from_x_m, from_y_m = from_line_m[self._car, nearest].T
        self._tangent = self._tangents[self._car, self._nearest]
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
