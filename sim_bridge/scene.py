"""A scene: one track, one floor, one car, one camera. And the kinds of distribution that its values are drawn from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

RGB = tuple[float, float, float]
LUMA_BT601 = (0.299, 0.587, 0.114)


def luma(colour: RGB) -> float:
    """BT.601 grey of an RGB colour, as in models/observation.py."""
    return float(np.dot(colour, LUMA_BT601))


@dataclass(frozen=True)
class Uniform:
    """A number, every value between low and high as likely."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class Small:
    """A number between low and high, small ones more often: u to the given power, u uniform from 0 to 1."""

    low: float
    high: float
    power: float = 2.0

    def draw(self, rng: np.random.Generator) -> float:
        return float(self.low + (self.high - self.low) * rng.uniform() ** self.power)


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

    def draw(self, rng: np.random.Generator) -> RGB:
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


@dataclass(frozen=True)
class Sometimes:
    """A share of all scenes draw from `what`; the others have `otherwise`."""

    share: float
    what: "Uniform | Small | Integer | Colour | Choice"
    otherwise: Any = 0.0

    def draw(self, rng: np.random.Generator) -> Any:
        return self.what.draw(rng) if rng.uniform() < self.share else self.otherwise


@dataclass(frozen=True)
class Given:
    """What depends on lines drawn before it: `of` gets them by name, draws, and returns the value."""

    of: Callable[[dict[str, Any], np.random.Generator], Any]


Distribution = Uniform | Small | Integer | Colour | Always | Choice | Sometimes | Given


@dataclass(frozen=True)
class Scene:
    """One draw. SI units; angles in degrees as an owner would measure them."""

    # the track
    track_corners: int  # of the closed centre line, before they are rounded
    room_m: float  # across; the track grows beyond it where its bends need more
    tightest_radius_m: float  # of the centre line
    road_width_m: float  # from edge line to edge line
    # its paint
    lines: tuple[str, ...]  # which are there: names from sim_bridge/lines.py
    fill: str  # what lies under the lines: none, road (between the outermost lines) or mat (beyond them too)
    fill_colour: RGB
    mat_m: float  # how far a mat reaches beyond the outermost lines
    edge_colour: RGB
    centre_colour: RGB
    line_width_m: float
    dash_m: float  # length of a dash of the centre line
    gap_m: float  # between dashes
    roads_across: int  # straight roads of the same paint across the driven one
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

    # What follows is still in the tables but `real`.
    # the car
    servo_rate_per_s: float  # at most so much steering a second, of the 2 from lock to lock
    steering_uneven: float  # how much more the wheels turn to the right than the command says, and less to the left
    latency_jitter_s: float  # by which the latency grows at most, anew in each period
    slip_s2_m2: float  # the car turns by 1 / (1 + slip x speed²) less than its wheels say
    dropped: float  # share of the frames that never arrive: the one before is seen again
    # the track
    track_shape: str  # corners (thrown about at random), blocks (right angles) or eight (it crosses itself)
    # its paint
    fill_sheen: float  # how much brighter what is under the lines is where it catches the light, in grey levels
    line_double_m: float  # floor between the two strips of a double line; 0 where all are single
    line_wobble_m: float  # how far a line strays from where it should be, to either side
    road_sway: float  # slow change of the road's width, as a share of it
    tape_piece_m: float  # a line is laid in straight pieces of this length
    line_missing: float  # share of each line that has come off
    line_worn: float  # share of the paint that is worn through, in spots
    zebras: int  # zebra crossings and chequered bars across the road
    stop_lines: int  # single bars across the road
    stray_lines: int  # lines on the floor that are not the road's: other tracks, sports fields, cables
    stray_shapes: int  # beside the road: sheets, stains, corners of tape
    # the floor
    floor: str  # a name from sim_bridge/floors.py
    floor_piece_m: float  # size of a tile, width of a plank
    floor_joint: float  # brightness of the joints, as a share of the floor's
    floor_unlike: float  # how much its pieces differ in brightness, as a share of it
    floor_colour2: RGB  # the second colour of patterns
    # what stands about
    walls: bool  # all round; else `wall_colour` is seen beyond the floor
    wall_gap_m: float  # from the road's edge to the nearest wall, at least
    clutter: float  # share of the walls that is furniture, windows, doors
    things: int  # on the floor near the road
    mirror: float  # share of the walls that the floor reflects, seen at its flattest
    mirror_smear_m: float  # how far a rough floor draws that out, up and down
    lamps: int  # rows of lamps that the floor reflects; 0: it reflects none
    lamp_height_m: float
    gloss: float  # brightness of a reflected lamp in grey levels
    gloss_smear: float  # how much longer than wide the reflection is: a rough floor draws it out
    # light and camera
    shadows: int  # on the floor, of what is not seen
    shadow_depth: float  # share of the light that they take
    sun_patches: int  # panes of one window
    sun: float  # how much brighter they are, as a share of the floor's brightness; at most 1
    cast: RGB  # gain of the three channels: white balance and coloured lamps
    camera_left_m: float  # off the car's middle
    camera_yaw_deg: float  # to the left
    camera_area: bool  # whether a pixel shows the mean of the floor it covers, or one point of it
    gain: float  # exposure: multiplies every grey level, and what is beyond white is clipped
    gamma: float  # of the grey curve; above 1 darkens the middle
    contrast: float  # of the grey curve: 1 a full S, negative flattens it
    haze: float  # share of white over everything: stray light in a cheap lens, low contrast
    vignette: float  # how much darker the picture's corners are, as a share
    lens_blur_px: float  # standard deviation
    sharpening: float  # the camera's own, strength of its halos
    exposure_s: float  # how long a frame is exposed: what moves meanwhile is smeared
    own_shadow: float  # share of the light that the car takes from what lies before it
    body: str  # what is seen of the car itself: none, bumper, hood, wheels or cable
    body_share: float  # of the picture's height
    body_colour: RGB
    exposure_adapts: float  # share by which the camera makes up for what it sees being dark or bright
    drift: float  # slow change of the exposure, as a share of it
    drift_period_s: float
    resolution: float  # of the camera's picture, as a share of the frame's
    jpeg_quality: int  # 1 to 100; 0 is none
    noise_rows: float  # banding: noise of whole rows in grey levels (standard deviation)


Table = dict[str, Distribution]


def draw_scene(table: Table, rng: np.random.Generator) -> Scene:
    """One scene: every line of the table drawn once, in the table's order, so that a seed names a scene."""
    drawn: dict[str, Any] = {}
    for name, distribution in table.items():
        drawn[name] = distribution.of(drawn, rng) if isinstance(distribution, Given) else distribution.draw(rng)
    return Scene(**drawn)
