"""REAL: the rooms, tracks, cars and cameras that hobbyists really have, as widely as they differ, a reason per line.

A policy that is to drive in a room it has never seen must have seen everything that rooms differ in, and so often that
nothing but the road is left to steer by.
"""

from typing import Any

import numpy as np

from sim_bridge.scene import (
    RGB,
    Always,
    Choice,
    Colour,
    Given,
    Integer,
    Small,
    Sometimes,
    Table,
    Uniform,
    luma,
)

Drawn = dict[str, Any]  # the lines of the table that are drawn already, by name


def _turning_circle(drawn: Drawn, rng: np.random.Generator) -> float:
    """0.5 m is the tightest bend people lay; nobody lays one that the own car cannot drive with a little to spare."""
    drivable_m = 1.15 * drawn["wheelbase_m"] / np.tan(np.radians(drawn["full_lock_deg"]))
    return Small(max(0.5, drivable_m), 1.4, 2.5).draw(rng)


def _road_width(drawn: Drawn, rng: np.random.Generator) -> float:
    """0.25 m: a slot a little broader than the car; 1 m: a sports hall. No wider than its bends leave room for."""
    return Uniform(0.25, min(1.0, 1.7 * drawn["tightest_radius_m"])).draw(rng)


def _top_speed(drawn: Drawn, rng: np.random.Generator) -> float:
    """Throttle 0.2 gives 0.6 to 1.6 m/s, less on narrow roads: people drive so fast as they can still steer.

    With the wheels 0.3 s late, as lag and latency make them, and 0.3 rad wrong, the car then goes no further aside than
    half of what is left of the road.
    """
    steerable_m_s = 0.5 * drawn["road_width_m"] / 2 / (0.3 * 0.3)
    return Uniform(3.0, float(np.clip(steerable_m_s / 0.2, 3.5, 8.0))).draw(rng)


LAYOUTS = Choice(
    {
        ("left", "right"): 5,  # two strips of tape: the commonest track there is
        ("left", "right", "dashes"): 4,  # painted roads, race mats, DonkeySim
        ("left", "right", "centre"): 1.5,
        ("centre",): 1.5,  # one strip of tape, the quickest track to lay
        ("dashes",): 0.6,
        ("left", "dashes"): 0.4,  # an edge has come off or was never laid
        ("right", "dashes"): 0.4,
        ("left", "centre"): 0.4,
        ("right", "centre"): 0.4,
        ("left",): 0.3,  # a line to keep beside
        ("right",): 0.3,
        ("right", "left dashes", "far left"): 0.7,  # the right lane of a road of two, and the left one
        ("left", "right dashes", "far right"): 0.7,
        ("right", "left centre", "far left"): 0.4,
        ("left", "right centre", "far right"): 0.4,
        ("left", "right", "centre", "left lane", "right lane"): 0.6,  # printed roads of four lanes
        ("left", "right", "beyond left"): 0.3,  # a second track beside this one
        ("left", "right", "beyond right"): 0.3,
    }
)


def _layout(drawn: Drawn, rng: np.random.Generator) -> tuple[str, ...]:
    """A strip of carpet or a painted road can be a track without any line."""
    if drawn["fill"] == "road" and rng.uniform() < 0.12:
        return ()
    return LAYOUTS.draw(rng)


def tinted(grey: float, tint: float, rng: np.random.Generator) -> RGB:
    """A colour of the given luma, each channel off by up to a share `tint`, less where one would be beyond white."""
    colour = 1 - tint * rng.uniform(size=3)
    colour *= grey / luma(tuple(colour))
    red, green, blue = grey + (colour - grey) * min(1.0, (255 - grey) / max(1e-9, colour.max() - grey))
    return float(red), float(green), float(blue)


def unlike(grey: float, least: float, brighter: float, rng: np.random.Generator) -> float:
    """A grey that differs from another by at least `least` levels, upwards in the share `brighter` of all cases, or
    where there is no room downwards."""
    up = rng.uniform() < brighter
    up = (up and grey + least <= 250) or grey - least < 4
    room = (250 - grey if up else grey - 4) - least
    difference = least + max(room, 0) * rng.uniform()
    return float(np.clip(grey + (difference if up else -difference), 4, 250))


def _bed(drawn: Drawn) -> float:
    """The grey that the lines lie on."""
    return luma(drawn["ground_colour"] if drawn["fill"] == "none" else drawn["fill_colour"])


def _fill_colour(drawn: Drawn, rng: np.random.Generator) -> RGB:
    """Asphalt paint, black vinyl, coloured carpet, white sheets: two of three are darker than the floor."""
    return tinted(unlike(luma(drawn["ground_colour"]), 12, 0.35, rng), 0.4, rng)


def _edge_colour(drawn: Drawn, rng: np.random.Generator) -> RGB:
    """White tape on cream tiles differs by 35 levels, black on a white sheet by 230; three of four are brighter."""
    return tinted(unlike(_bed(drawn), 35, 0.75, rng), 0.3, rng)


def _centre_colour(drawn: Drawn, rng: np.random.Generator) -> RGB:
    """The edges' colour, or one of its own: yellow, orange, blue."""
    if rng.uniform() < 0.4:
        return drawn["edge_colour"]
    return tinted(unlike(_bed(drawn), 35, 0.75, rng), 0.7, rng)


def _gain(drawn: Drawn, rng: np.random.Generator) -> float:
    """Cameras set their exposure by what they see, more or less; then evening makes it dark or a window burns out.

    The road and its lines never burn out together: nobody could follow them.
    """
    typical = 0.7 * _bed(drawn) + 0.3 * luma(drawn["wall_colour"])
    gain = np.clip((130 / typical) ** rng.uniform(0.7, 1) * rng.uniform(0.7, 1.45), 0.4, 8.0)
    lines = (luma(drawn[name]) for name in ("edge_colour", "centre_colour"))
    return float(min(gain, *(225 / min(_bed(drawn), line) for line in lines)))


def _fov(_: Drawn, rng: np.random.Generator) -> float:
    """60 degrees: a Pi camera v2; kits come with lenses of 120 to 165, because a narrow one loses the road in bends."""
    return Uniform(*Choice({(95.0, 165.0): 3, (60.0, 95.0): 1}).draw(rng)).draw(rng)


def _fisheye(drawn: Drawn, rng: np.random.Generator) -> float:
    """Up to 100 degrees there are true pinholes; a 165 degree lens is a fisheye of some kind."""
    return Uniform(float(np.clip((drawn["camera_fov_deg"] - 100) / 70, 0, 0.95)), 1.0).draw(rng)


def _pitch(drawn: Drawn, rng: np.random.Generator) -> float:
    """People tilt the camera until the road fills the picture: what they choose is where the horizon is in it.

    Mostly a little above the middle; cars that look down on the road have it beyond the upper edge. 0 to 40 degrees.
    The picture is 160 x 120.
    """
    horizon = Choice({(0.27, 0.47): 7, (0.08, 0.27): 2, (-0.15, 0.08): 1}).draw(
        rng
    )  # share of the height, from the top
    above_middle_px = (0.5 - Uniform(*horizon).draw(rng)) * 120
    k = max(1e-6, 1 - drawn["camera_fisheye"])  # the lens as in camera.py
    focal_px = 80 * k / np.tan(k * np.radians(drawn["camera_fov_deg"]) / 2)
    return float(np.clip(np.degrees(np.arctan(k * above_middle_px / focal_px) / k), 0, 40))


REAL: Table = {
    # the car
    "wheelbase_m": Uniform(0.14, 0.28),  # 1:18 to 1:10 touring cars
    "full_lock_deg": Uniform(20, 32),  # what hobby steering turns
    "steering_trim": Uniform(-0.1, 0.1),  # what calibration by eye leaves, and what a crash bends
    "servo_lag_s": Uniform(0.03, 0.12),  # digital to worn 0.2 s / 60 degree servos
    "servo_rate_per_s": Uniform(5, 25),  # 0.4 s from lock to lock to 0.08 s
    "steering_uneven": Uniform(-0.15, 0.15),  # linkages are not symmetric
    "latency_s": Uniform(0.0, 0.12),  # a fast camera and int8 to a loaded Pi 3 at 20 Hz
    "latency_jitter_s": Small(0.0, 0.05),  # Python, a busy bus; 0.15 s with the latency
    "dropped": Sometimes(0.3, Uniform(0.01, 0.15), 0.0),  # cameras slower than the loop, wireless page
    "slip_s2_m2": Small(0.0, 0.15),  # on dusty tiles: a quarter less at 1.5 m/s
    "motor_lag_s": Uniform(0.15, 0.5),  # light cars and heavy ones
    # the track
    "track_shape": Choice({"corners": 5, "blocks": 4, "eight": 0.7}),  # most rooms make people lay right angles
    "track_corners": Integer(4, 10),
    "room_m": Small(2.2, 8.0, 1.5),  # a rug to a small hall; most have little room
    "tightest_radius_m": Given(_turning_circle),
    "road_width_m": Given(_road_width),
    "top_speed_m_s": Given(_top_speed),
    "road_sway": Sometimes(0.5, Uniform(0.02, 0.15)),  # measured by eye
    # the floor
    "floor": Choice(
        {"plain": 4, "planks": 3, "tiles": 3, "carpet": 1.5, "concrete": 1.5, "asphalt": 0.7, "checks": 0.5, "rug": 0.5}
    ),
    "ground_colour": Colour(10, 245, 0.4),  # black rubber to white lino
    "ground_blotches": Uniform(0.02, 0.35),  # worn floors, pools of lamp light
    "ground_grain": Small(0, 9, 4.0),  # from lino to tarmac
    "floor_piece_m": Uniform(0.07, 0.8),  # a narrow plank to a hall's tiles
    "floor_joint": Uniform(0.35, 1.35),  # dark joints, bright grout
    "floor_unlike": Small(0.0, 0.25),  # wood is mixed, tiles are nearly equal
    "floor_colour2": Colour(10, 245, 0.4),  # of checks and rugs
    # what lies on it
    "fill": Choice({"none": 5, "road": 2, "mat": 2}),
    "fill_colour": Given(_fill_colour),
    "fill_sheen": Sometimes(0.35, Uniform(5, 120)),  # creased vinyl, scuffed paint
    "mat_m": Uniform(0.03, 1.2),  # a printed road's margin to a whole sheet
    "lines": Given(_layout),
    "edge_colour": Given(_edge_colour),
    "centre_colour": Given(_centre_colour),
    "line_width_m": Small(0.010, 0.080),  # pin stripe, 19 mm and 48 mm tape, printed bands
    "dash_m": Uniform(0.05, 0.5),  # dashes as people lay and printers print them
    "gap_m": Uniform(0.05, 0.5),
    "line_double_m": Sometimes(0.06, Uniform(0.015, 0.05)),  # double centre lines
    "line_wobble_m": Sometimes(0.6, Small(0.0, 0.04)),  # laid by hand, walked over
    "tape_piece_m": Sometimes(0.4, Uniform(0.15, 0.6), 0.05),  # tape does not bend: chords round every bend
    "line_missing": Sometimes(0.3, Uniform(0.01, 0.15)),
    "line_worn": Sometimes(0.25, Small(0.01, 0.35)),
    "roads_across": Sometimes(0.1, Integer(1, 2), 0),  # figures of eight, two tracks in one hall
    "zebras": Sometimes(0.15, Integer(1, 3), 0),  # race mats have a start line and zebra crossings
    "stop_lines": Sometimes(0.15, Integer(1, 4), 0),
    "stray_lines": Sometimes(0.5, Integer(1, 8), 0),  # cables, courts, an older track
    "stray_shapes": Sometimes(0.35, Integer(1, 8), 0),
    # what stands about
    "walls": Always(True),
    "wall_gap_m": Small(0.1, 12.0, 3.0),  # a corridor to a hall, a car park
    "wall_colour": Colour(20, 245, 0.4),
    "clutter": Uniform(0.0, 1.0),  # bare walls to a store room
    "things": Integer(0, 8),  # cones, chairs, bags, those who stand by
    # light
    "light": Always(1.0),  # `gain` does it, after the reflections
    "shadows": Sometimes(0.5, Integer(1, 6), 0),
    "shadow_depth": Uniform(0.1, 0.65),  # a lamp among lamps to the sun
    "sun_patches": Sometimes(0.15, Integer(1, 4), 0),
    "sun": Uniform(0.2, 0.95),
    "cast": Colour(0.75, 1.1, 0.25),  # lamps from warm to cold, white balance that is off
    "lamps": Sometimes(0.3, Integer(1, 4), 0),  # glossy floors: tiles, lacquer, vinyl
    "lamp_height_m": Uniform(1.8, 5.0),  # a desk's lamp to a hall's
    "gloss": Uniform(15, 220),  # a sheen to a mirror
    "gloss_smear": Small(1.0, 8.0),
    "mirror": Sometimes(0.35, Small(0.05, 0.8, 1.5)),  # lacquered wood, tiles, wet vinyl
    "mirror_smear_m": Small(0.1, 2.0, 1.5),
    # the camera
    "camera_fov_deg": Given(_fov),
    "camera_fisheye": Given(_fisheye),
    "camera_height_m": Uniform(0.08, 0.30),  # behind a bumper to the top of a roll bar
    "camera_pitch_deg": Given(_pitch),
    "camera_roll_deg": Uniform(-4, 4),  # mounted by hand, on a sprung car
    "camera_yaw_deg": Uniform(-4, 4),
    "camera_forward_m": Uniform(0.0, 0.25),  # roll bar to bumper
    "camera_left_m": Uniform(-0.03, 0.03),
    "camera_area": Always(True),
    "gain": Given(_gain),
    "gamma": Uniform(0.65, 1.3),  # of cameras and of what people set
    "contrast": Uniform(-0.2, 0.8),  # flat to vivid
    "haze": Sometimes(0.2, Uniform(0.02, 0.3)),  # plastic lenses against the light
    "vignette": Small(0.0, 0.6),
    "lens_blur_px": Small(0.0, 1.8, 3.0),  # out of focus; the lens is turned by hand
    "sharpening": Sometimes(0.35, Uniform(0.2, 1.5)),  # the camera's own
    "exposure_s": Small(0.0, 0.05),  # daylight to a dim room
    "exposure_adapts": Uniform(0.0, 0.8),  # set by hand to automatic
    "drift": Small(0.0, 0.25),  # automatic exposure hunts, lamps flicker
    "drift_period_s": Uniform(0.2, 8.0),
    "resolution": Sometimes(0.15, Uniform(0.35, 0.8), 1.0),  # small camera modes
    "jpeg_quality": Sometimes(0.25, Integer(15, 90), 0),  # web cameras and streams
    "camera_noise": Small(0, 8, 3.0),  # daylight to a dim room
    "noise_rows": Sometimes(0.15, Uniform(0.5, 4)),
    "own_shadow": Sometimes(0.15, Uniform(0.1, 0.6)),  # a lamp or the sun behind it
    "body": Choice({"none": 8, "bumper": 1, "hood": 0.7, "wheels": 0.5, "cable": 0.5}),
    "body_share": Small(0.02, 0.15),  # more would hide the road
    "body_colour": Colour(5, 160, 0.4),
    # where it starts
    "start_offset": Uniform(-0.5, 0.5),  # placed by hand; pushes show the rest (trainer/practice.py)
    "start_heading_deg": Uniform(-20, 20),
}
