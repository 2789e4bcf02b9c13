"""What was measured of a car, under the names that the simulator and a model's manifest have for it."""

from collections.abc import Mapping

import numpy as np

from calibration.car_file import CarCalibration

Known = dict[str, tuple[float, float]]  # a line of sim_bridge/scene.py -> value, half width of its uncertainty (95 %)
WORDS = {
    "camera_fov_deg": "field of view (degrees)",
    "camera_fisheye": "fisheye",
    "camera_height_m": "camera height (m)",
    "camera_pitch_deg": "camera pitch (degrees)",
    "camera_roll_deg": "camera roll (degrees)",
    "wheelbase_m": "wheelbase (m)",
    "full_lock_deg": "full lock (degrees)",
    "steering_uneven": "steering asymmetry",
    "steering_trim": "steering trim",
    "top_speed_m_s": "top speed (m/s)",
    "latency_s": "latency (s)",
    "servo_lag_s": "servo lag (s)",
}


def known(calibration: CarCalibration) -> Known:
    """Of what was measured, and of nothing else: a car without a section is whatever the simulator draws."""
    values: Known = {}
    steering, lens, pose = calibration.steering, calibration.lens, calibration.pose
    if steering.date is not None:
        span_us = min(abs(end_us - steering.centre_us) for end_us in (steering.left_us, steering.right_us))
        values["steering_trim"] = 0.0, steering.uncertainty_us / span_us
    if lens is not None:
        values["camera_fov_deg"] = lens.fov_deg, lens.fov_uncertainty_deg
        values["camera_fisheye"] = lens.fisheye, lens.fisheye_uncertainty
    if pose is not None:
        # The simulator's axis meets the picture's middle; a real lens's need not.
        off_deg = 0.0
        if lens is not None:
            off_deg = float(np.degrees(np.arctan((lens.middle_y_px - (lens.height - 1) / 2) / lens.focal_y_px)))
        values["camera_pitch_deg"] = pose.pitch_deg - off_deg, pose.pitch_uncertainty_deg
        if pose.roll_deg is not None and pose.roll_uncertainty_deg is not None:
            values["camera_roll_deg"] = pose.roll_deg, pose.roll_uncertainty_deg
        if pose.height_m is not None and pose.height_uncertainty_m is not None:
            values["camera_height_m"] = pose.height_m, pose.height_uncertainty_m
    if (vehicle := calibration.vehicle) is not None:
        left_deg, right_deg, doubt_deg = vehicle.left_lock_deg, vehicle.right_lock_deg, vehicle.lock_uncertainty_deg
        values["wheelbase_m"] = vehicle.wheelbase_m, vehicle.wheelbase_uncertainty_m
        values["full_lock_deg"] = (left_deg + right_deg) / 2, doubt_deg
        values["steering_uneven"] = (right_deg - left_deg) / (left_deg + right_deg), doubt_deg / (left_deg + right_deg)
        values["top_speed_m_s"] = vehicle.top_speed_m_s, vehicle.top_speed_uncertainty_m_s
    if (latency := calibration.latency) is not None:
        values["latency_s"] = latency.latency_s, latency.latency_uncertainty_s
        values["servo_lag_s"] = latency.servo_lag_s, latency.servo_lag_uncertainty_s
    return values


def differences(trained_for: Mapping[str, tuple[float, float]], car: Known) -> list[str]:
    """Where the car is not the one that a model was trained for: what differs by more than the width it was trained
    with, in words, one for each."""
    return [
        f"{WORDS.get(name, name)} {car[name][0]:.3g}, trained for {value:.3g} ± {width:.2g}"
        for name, (value, width) in trained_for.items()
        if name in car and abs(car[name][0] - value) > width
    ]
