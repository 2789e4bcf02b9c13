"""The server's scenes: to each name of DonkeySim's a track of our simulator, of like length and tightest radius.

A scene's seed names its track, its floor and its paint, so it looks the same today and tomorrow. Camera and car stand
as DonkeySim's do.
"""

import copy
import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from models.contract import ObservationSpec
from sim_bridge.distributions import EVALUATION, TABLES
from sim_bridge.donkeysim.messages import UNITS_PER_M
from sim_bridge.donkeysim.scenes import SCENES, Road
from sim_bridge.scene import Always, Table
from sim_bridge.simulator import Simulator
from sim_bridge.track import CentreLine, random_track

SPEC = ObservationSpec()
RATE_HZ = 1 / SPEC.period_s
# The path of the generated scenes runs in the right lane: so far right of the middle, as a share of half the road.
LANE = {name: SCENES[name].middle_cte / SCENES[name].half_width for name in SCENES}

# fmt: off
DONKEYSIM: Table = EVALUATION | {
    "camera_height_m": Always(0.20), "camera_pitch_deg": Always(15.0), "camera_roll_deg": Always(0.0),
    "camera_fov_deg": Always(106.3),  # across: DonkeySim's 90 degrees are of the height
    "camera_forward_m": Always(0.165), "camera_noise": Always(0.0),
    "wheelbase_m": Always(0.20), "full_lock_deg": Always(16.0), "steering_trim": Always(0.0),
    "servo_lag_s": Always(0.05), "latency_s": Always(0.0), "top_speed_m_s": Always(6.4), "motor_lag_s": Always(0.3),
    "start_offset": Always(0.0), "start_heading_deg": Always(0.0),
}


@dataclass(frozen=True)
class _Shape:
    """What random_track draws a scene's track from; DonkeySim's own is length_m long, its tightest bend radius_m."""

    length_m: float
    radius_m: float
    corners: int
    room_m: float
    seed: int


SHAPES: dict[str, _Shape] = {  # the seeds whose tracks are as long
    "generated_road": _Shape(250.0, 2.0, 20, 92.5, 10),  # DonkeySim's does not close, and is another each time
    "warehouse": _Shape(44.4, 0.84, 8, 17.76, 15),
    "sparkfun_avc": _Shape(131.0, 2.10, 12, 55.02, 2),
    "generated_track": _Shape(26.9, 0.89, 5, 11.298, 61),
    "roboracingleague_1": _Shape(49.0, 0.79, 9, 19.6, 15),
    "waveshare": _Shape(8.3, 0.86, 4, 1.826, 3),
    "mini_monaco": _Shape(62.0, 0.79, 12, 24.8, 5),
    "warren": _Shape(49.4, 1.21, 9, 19.76, 5),
    "circuit_launch": _Shape(46.7, 0.67, 9, 18.68, 16),
    "mountain_track": _Shape(64.5, 1.20, 12, 25.8, 0),
    "thunderhill": _Shape(353.2, 1.57, 36, 70.64, 8),
}
# fmt: on


@dataclass
class Place:
    """A car in a world of its own, and the road that its cross track error is told of."""

    simulator: Simulator  # of one car
    road: Road


def scene_place(name: str) -> Place:
    """A car at the start of a scene, as everyone's. name: of SCENES. The floor is painted once for all cars."""
    first = _first_place(name)
    ground = first.simulator.worlds[0].ground
    return copy.deepcopy(first, {id(ground): ground})


@cache
def _first_place(name: str) -> Place:
    shape, road = SHAPES[name], SCENES[name]
    width_m = 2 * road.half_width_m
    rng = np.random.default_rng(shape.seed)
    track = random_track(rng, shape.corners, shape.room_m, shape.radius_m, width_m)
    table = DONKEYSIM | {"road_width_m": Always(width_m)}
    line = CentreLine(name, track.points)
    return Place(Simulator(1, table, shape.seed, SPEC, rgb=True, centre_lines=[line]), road)


def new_road_place(table: str, seed: int) -> Place:
    """What generated_road becomes when a client asks for another road: a world of a table, named by its seed."""
    simulator = Simulator(1, TABLES[table], seed, SPEC, rgb=True)
    half_width = simulator.worlds[0].track.width_m / 2 * UNITS_PER_M
    return Place(simulator, Road(half_width * LANE["generated_road"], half_width))


def unity_yaw_deg(heading_rad: float) -> float:
    """Unity's yaw: 0 along +z (our y), clockwise seen from above, 0 .. 360."""
    return (90.0 - math.degrees(heading_rad)) % 360.0
