"""What a simulated day can look like: one table of distributions for training, one for evaluation, a reason per line.

A `Scene` is one draw from a table. What real rooms and real cars vary goes into TRAINING and, far beyond, into REAL (in
real.py); EVALUATION is fixed, written down and never widened quietly: figures are only comparable on it.
"""

from errors import UserError
from sim_bridge.real import REAL
from sim_bridge.scene import Always, Choice, Colour, Integer, Table, Uniform

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
    "roads_across": Always(0),  # drawn tracks never cross themselves
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
    # What only `real` has. Nothing is drawn for these lines, so a seed names the scene it always named.
    "servo_rate_per_s": Always(float("inf")),
    "steering_uneven": Always(0.0),
    "latency_jitter_s": Always(0.0),
    "slip_s2_m2": Always(0.0),
    "dropped": Always(0.0),
    "track_shape": Always("corners"),
    "fill_sheen": Always(0.0),
    "line_double_m": Always(0.0),
    "line_wobble_m": Always(0.0),
    "road_sway": Always(0.0),
    "tape_piece_m": Always(0.0),
    "line_missing": Always(0.0),
    "line_worn": Always(0.0),
    "zebras": Always(0),
    "stop_lines": Always(0),
    "stray_lines": Always(0),
    "stray_shapes": Always(0),
    "floor": Always("plain"),
    "floor_piece_m": Always(0.0),
    "floor_joint": Always(1.0),
    "floor_unlike": Always(0.0),
    "floor_colour2": Always((0.0, 0.0, 0.0)),
    "walls": Always(False),
    "wall_gap_m": Always(0.0),
    "clutter": Always(0.0),
    "things": Always(0),
    "mirror": Always(0.0),
    "mirror_smear_m": Always(0.0),
    "lamps": Always(0),
    "lamp_height_m": Always(0.0),
    "gloss": Always(0.0),
    "gloss_smear": Always(1.0),
    "shadows": Always(0),
    "shadow_depth": Always(0.0),
    "sun_patches": Always(0),
    "sun": Always(0.0),
    "cast": Always((1.0, 1.0, 1.0)),
    "camera_left_m": Always(0.0),
    "camera_yaw_deg": Always(0.0),
    "camera_area": Always(False),
    "gain": Always(1.0),
    "gamma": Always(1.0),
    "contrast": Always(0.0),
    "haze": Always(0.0),
    "vignette": Always(0.0),
    "lens_blur_px": Always(0.0),
    "sharpening": Always(0.0),
    "exposure_s": Always(0.0),
    "own_shadow": Always(0.0),
    "body": Always("none"),
    "body_share": Always(0.0),
    "body_colour": Always((0.0, 0.0, 0.0)),
    "exposure_adapts": Always(0.0),
    "drift": Always(0.0),
    "drift_period_s": Always(1.0),
    "resolution": Always(1.0),
    "jpeg_quality": Always(0),
    "noise_rows": Always(0.0),
}

# Training covers every range of EVALUATION and a little more on each side, so that no evaluated car is an edge case.
TRAINING: Table = EVALUATION | {
    "road_width_m": Uniform(0.36, 0.85),
    "tightest_radius_m": Uniform(0.65, 1.3),
    # DonkeySim's circuit_launch and people's figures of eight cross themselves, drawn tracks never do: that the road
    # goes straight on there is learnt from any road painted across it
    "roads_across": Choice({0: 9, 1: 1}),
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

# Where people race: long straights, and floors on which a fast car no longer turns as its wheels say. At 3 to 4.5 m/s
# (throttle 0.6) few of these bends can be driven.
RACING: Table = EVALUATION | {
    "room_m": Uniform(5.0, 10.0),  # a class room to a sports hall
    "tightest_radius_m": Uniform(0.65, 1.0),
    "slip_s2_m2": Uniform(0.15, 0.25),  # at 2 m/s the car turns by 40 to 50 % less: 0.7 m radius with 0.6 g
}

TABLES: dict[str, Table] = {
    "training": TRAINING,
    "evaluation": EVALUATION,
    "wide": WIDE,
    "real": REAL,
    "racing": RACING,
}


def table_named(name: str) -> Table:
    """Raises UserError where there is no such table."""
    if name not in TABLES:
        raise UserError(f"there is no table {name!r}; there are {', '.join(TABLES)}")
    return TABLES[name]
