"""What a simulated day can look like: one table of distributions for training, one for evaluation, a reason per line.

A `Scene` is one draw from a table: one track, one floor, one car, one camera. What real rooms and real cars vary goes
into TRAINING; EVALUATION is fixed, written down and never widened quietly: figures are only comparable on it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Uniform:
    """A number, every value between low and high as likely."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class Integer:
    """A whole number from low to high, both included."""

    low: int
    high: int

    def draw(self, rng: np.random.Generator) -> int:
        return int(rng.integers(self.low, self.high + 1))


@dataclass(frozen=True)
class Colour:
    """An RGB colour, 0 to 255: a grey of the given range of values, each channel pulled down by up to `tint` of it."""

    low: float
    high: float
    tint: float

    def draw(self, rng: np.random.Generator) -> tuple[float, float, float]:
        value = rng.uniform(self.low, self.high)
        red, green, blue = value * (1 - self.tint * rng.uniform(size=3))
        return float(red), float(green), float(blue)


@dataclass(frozen=True)
class Always:
    """One value, always; nothing is drawn for it, so that adding such a line leaves all other draws as they were."""

    value: Any

    def draw(self, _: np.random.Generator) -> Any:
        return self.value


@dataclass(frozen=True)
class Choice:
    """One of several values, each as likely as its weight says."""

    weights: dict[Any, float]

    def draw(self, rng: np.random.Generator) -> Any:
        shares = np.array(list(self.weights.values()))
        return list(self.weights)[rng.choice(len(shares), p=shares / shares.sum())]


RGB = tuple[float, float, float]
Distribution = Uniform | Integer | Colour | Always | Choice


@dataclass(frozen=True)
class Scene:
    """One draw. SI units; angles in degrees as an owner would measure them."""

    # the track
    track_corners: int  # of the closed centre line, before they are rounded
    room_m: float  # across; the track grows beyond it where its bends need more
    tightest_radius_m: float  # of the centre line
    road_width_m: float  # from edge line to edge line
    # its paint
    lines: tuple[str, ...]  # which are there: left, right (edges), centre (solid), dashes
    fill: str  # what lies under the lines: none, road (between the edges) or mat (beyond them too)
    fill_colour: RGB
    mat_m: float  # how far a mat reaches beyond each edge
    edge_colour: RGB
    centre_colour: RGB
    line_width_m: float
    dash_m: float  # length of a dash of the centre line
    gap_m: float  # between dashes
    crossings: int  # straight roads of the same paint across the driven one
    # the floor and the room
    ground_colour: RGB
    ground_blotches: float  # slow unevenness of the floor and its light, as a share of its brightness
    ground_grain: float  # grain of the floor, in grey levels (standard deviation)
    wall_colour: RGB  # all that is not floor
    # light
    light: float  # exposure: multiplies every grey level
    camera_noise: float  # in grey levels (standard deviation), new in each frame
    # the camera
    camera_height_m: float
    camera_pitch_deg: float  # down from the horizontal
    camera_roll_deg: float  # clockwise as the camera sees
    camera_fov_deg: float  # horizontal, of the whole picture
    camera_fisheye: float  # 0 pinhole, 1 equidistant fisheye; wide lenses are in between
    camera_forward_m: float  # ahead of the rear axle
    # the car
    wheelbase_m: float
    full_lock_deg: float  # front wheel angle at steering 1
    steering_trim: float  # added to each steering command
    servo_lag_s: float  # time constant of the steering
    latency_s: float  # from the frame to the moment its command reaches the servo, inference and bus included
    top_speed_m_s: float  # at throttle 1
    motor_lag_s: float  # time constant of the speed
    # where it starts
    start_offset: float  # from the centre line, as a share of half the road's width; + is left
    start_heading_deg: float  # from the road's direction; + is left


Table = dict[str, Distribution]

EVALUATION: Table = {
    "track_corners": Integer(4, 10),  # from a rounded square to a track with hairpins and chicanes
    "room_m": Uniform(3.0, 8.0),  # a living room to a small hall
    "tightest_radius_m": Uniform(0.7, 1.2),  # 0.7 m: the tightest of DonkeySim's tracks, at their 8 units to a metre
    "road_width_m": Uniform(0.4, 0.8),  # tape tracks in living rooms to printed mats
    "lines": Always(("left", "right", "dashes")),  # two edges and a dashed centre, as on every DonkeySim road
    "fill": Always("none"),
    "fill_colour": Always((0.0, 0.0, 0.0)),
    "mat_m": Always(0.0),
    "edge_colour": Colour(150, 250, 0.25),  # white to yellowish tape
    "centre_colour": Colour(150, 250, 0.5),  # yellow to white
    "line_width_m": Uniform(0.02, 0.05),  # 19 mm masking tape to 48 mm duct tape
    "dash_m": Uniform(0.12, 0.4),  # dashes as people lay them
    "gap_m": Uniform(0.12, 0.4),
    "crossings": Always(0),  # drawn tracks never cross themselves
    "ground_colour": Colour(25, 105, 0.3),  # asphalt, carpet, dark wood: always darker than the lines
    "ground_blotches": Uniform(0.05, 0.3),  # worn floors, pools of lamp light
    "ground_grain": Uniform(0, 6),  # from lino to concrete
    "wall_colour": Colour(20, 230, 0.4),  # the room behind is anything
    "light": Uniform(0.7, 1.15),  # evening to a window's side: clips some white lines
    "camera_noise": Uniform(0, 5),  # a Pi camera by day and in the evening
    "camera_height_m": Uniform(0.12, 0.20),  # standard donkey roll bars, 1:16 and 1:10
    "camera_pitch_deg": Uniform(12, 24),  # the kit's mount is near 15 to 20 degrees
    "camera_roll_deg": Uniform(-2, 2),  # mounted by hand
    "camera_fov_deg": Uniform(75, 110),  # across donkeycar's usual wide lenses, without their fisheye
    "camera_fisheye": Always(0.0),  # a pinhole
    "camera_forward_m": Uniform(0.04, 0.16),  # behind the front axle or above it
    "wheelbase_m": Uniform(0.15, 0.20),  # 1:16 cars, and DonkeySim's 0.200 m
    "full_lock_deg": Uniform(22, 30),  # hobby steering; turns 0.5 m at the worst, so 0.7 m can be driven
    "steering_trim": Uniform(-0.05, 0.05),  # what calibration by eye leaves
    "servo_lag_s": Uniform(0.05, 0.09),  # a 0.12 to 0.2 s / 60 degree servo seen as a first-order lag
    "latency_s": Uniform(0.05, 0.05),  # one control period: camera, inference and bus of a Pi 4 at 20 Hz
    "top_speed_m_s": Uniform(5.0, 7.5),  # so the table's throttle of 0.2 gives 1.0 to 1.5 m/s
    "motor_lag_s": Uniform(0.2, 0.4),  # an RC motor on a light car
    "start_offset": Uniform(-0.4, 0.4),  # placed by hand
    "start_heading_deg": Uniform(-15, 15),
}

# Training covers every range of EVALUATION and a little more on each side, so that no evaluated car is an edge case.
TRAINING: Table = EVALUATION | {
    "road_width_m": Uniform(0.36, 0.85),
    "tightest_radius_m": Uniform(0.65, 1.3),
    # DonkeySim's circuit_launch and people's figures of eight cross themselves, drawn tracks never do: that the road
    # goes straight on there is learnt from any road painted across it
    "crossings": Choice({0: 3, 1: 1, 2: 1}),
    "light": Uniform(0.6, 1.25),
    "camera_height_m": Uniform(0.11, 0.22),
    "camera_pitch_deg": Uniform(10, 26),
    "camera_roll_deg": Uniform(-3, 3),
    "camera_fov_deg": Uniform(70, 115),
    "steering_trim": Uniform(-0.08, 0.08),
    "servo_lag_s": Uniform(0.03, 0.11),
    "latency_s": Uniform(0.03, 0.07),
    "top_speed_m_s": Uniform(4.5, 8.0),
    "start_offset": Uniform(-0.8, 0.8),  # near the edge too: recovering has to be seen to be learnt
    "start_heading_deg": Uniform(-30, 30),
}

# More of what people lay out and mount: single lines, roads filled with paint, printed mats, fisheye lenses.
WIDE: Table = TRAINING | {
    "lines": Choice(
        {
            ("left", "right", "dashes"): 4,  # painted roads, race mats
            ("left", "right"): 3,  # two strips of tape
            ("left", "right", "centre"): 1,
            ("left", "dashes"): 0.5,  # an edge has come off
            ("right", "dashes"): 0.5,
            ("centre",): 1,  # one strip of tape, the quickest track to lay
            ("dashes",): 0.5,
        }
    ),
    "fill": Choice({"none": 2, "road": 1, "mat": 1}),
    "fill_colour": Colour(15, 110, 0.3),  # asphalt, black or coloured roll-out roads: darker than the lines
    "mat_m": Uniform(0.05, 0.6),
    "camera_fov_deg": Uniform(65, 150),  # a Pi camera v2 to the 160 degree lens of many kits
    "camera_fisheye": Uniform(0, 1),
}

TABLES: dict[str, Table] = {"training": TRAINING, "evaluation": EVALUATION, "wide": WIDE}


def draw_scene(table: Table, rng: np.random.Generator) -> Scene:
    """One scene: every line of the table drawn once, in the table's order, so that a seed names a scene."""
    return Scene(**{name: distribution.draw(rng) for name, distribution in table.items()})
