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
from sim_bridge.camera import GroundCamera
from sim_bridge.canvas import shading
from sim_bridge.gloss import Gloss
from sim_bridge.ground import Ground, paint
from sim_bridge.lens import Lens
from sim_bridge.motion import Motion, State
from sim_bridge.room import furnish
from sim_bridge.scene import Scene, Table, draw_scene
from sim_bridge.sensor import Sensor
from sim_bridge.surroundings import Surroundings
from sim_bridge.track import CentreLine, Track, draw_track


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


class Simulator(Motion):
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
        super().__init__(count, spec.period_s)
        self.spec = spec
        self.worlds: list[World] = []
        self._table, self._seed, self._rgb, self._first_car = table, seed, rgb, first_car
        self._centre_lines = tuple(centre_lines)
        self._worlds_drawn = [0] * count
        self._lost = np.zeros(count, bool)  # each car's frame of this period; then it has the one before again,
        self._seen_from = [self._stand(car) for car in range(count)]  # which was taken from here
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

    def put(self, car: int, x_m: float, y_m: float, heading_rad: float) -> None:
        """Its rear axle anywhere in its world, as fast as it was; it then is on the stretch of road that is nearest."""
        cars = self.bicycles
        cars.x_m[car], cars.y_m[car], cars.heading_rad[car] = x_m, y_m, heading_rad
        away_m = np.linalg.norm(self.worlds[car].track.points - self.centre_m()[car], axis=1)
        self._nearest[car] = away_m.argmin()
        self._locate()
        self.state = self._where(self.state.progress_m)

    def step(self, steering: np.ndarray, throttle: np.ndarray) -> State:
        lossy = [car for car, world in enumerate(self.worlds) if world.scene.dropped]
        for car in lossy:
            if not self._lost[car]:
                self._seen_from[car] = self._stand(car)
            self._lost[car] = self.worlds[car].rng.random() < self.worlds[car].scene.dropped
        return super().step(steering, throttle)

    def frame(self, car: int) -> np.ndarray:
        """What the car's camera sees: uint8 (frame_height, frame_width, 3) RGB, or (.., ..) luma without rgb."""
        return self._look(car, 0)

    def road(self, car: int) -> np.ndarray:
        """The rows of the frame that the policy sees: the cheaper half of `frame`."""
        return self._look(car, self.spec.crop_top)

    def road_seen(self, car: int, cells: int) -> np.ndarray:
        """Where on its road lies what the car's camera sees, in the middle of each of cells x cells parts of `road`:

        float64 (cells, cells), how far left of the centre line in half widths of the road, so that its edges are at
        -1 and 1; NaN for what is no floor, or too far ahead. Lines, floor and light have no part in it.
        """
        spec = self.spec
        middle = (np.arange(cells) + 0.5) / cells
        rows = spec.crop_top + (middle * (spec.frame_height - spec.crop_top)).astype(int)
        columns = (middle * spec.frame_width).astype(int)
        pixels = (rows[:, None] * spec.frame_width + columns).ravel()
        x_m, y_m, heading_rad, *_ = self._seen(car)
        floor_m = self.worlds[car].camera.floor_m(pixels, x_m, y_m, heading_rad)
        return self.across_road(car, floor_m).reshape(cells, cells)

    def _seen(self, car: int) -> tuple[float, ...]:
        """Where the frame of this period was taken from: as `_stand`."""
        return self._seen_from[car] if self._lost[car] else self._stand(car)

    def _stand(self, car: int) -> tuple[float, ...]:
        """All of a car's movement that its camera shows: x, y, heading, speed and steering."""
        cars = self.bicycles
        return cars.x_m[car], cars.y_m[car], cars.heading_rad[car], cars.speed_m_s[car], cars.steering[car]

    def _look(self, car: int, first_row: int) -> np.ndarray:
        world, cars = self.worlds[car], self.bicycles
        *pose, speed_m_s, steering = self._seen(car)
        picture = world.camera.take(world.ground, *pose, first_row)
        if world.surroundings:
            world.surroundings.draw(picture, first_row, *pose)
        if world.gloss:
            world.gloss.add(picture, first_row, *pose)
        yaw_rad_s = speed_m_s * math.tan(-steering * cars.full_lock_rad[car]) / cars.wheelbase_m[car]
        age_s = cars.periods[car] * self.spec.period_s
        return world.sensor.develop(picture, first_row, age_s, yaw_rad_s, speed_m_s, world.rng)

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
            surroundings=Surroundings(room, scene, lens, self.spec, rng, rgb=self._rgb) if scene.walls else None,
            gloss=Gloss(room, scene, lens, rng) if scene.lamps else None,
            sensor=Sensor(scene, self.spec, lens, shade, rng),
            rng=rng,
        )
        self._to_start(car, world)
        return world

    def _to_start(self, car: int, world: World) -> None:
        self._lost[car] = False
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
