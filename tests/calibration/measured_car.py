"""A car that was measured, for tests of those who listen."""

from calibration.car_file import CarCalibration, nominal, with_found

LENS = {
    "width": 640, "height": 480, "kind": "pinhole", "focal_x_px": 320.0, "focal_y_px": 320.0,
    "focal_uncertainty_px": 2.0, "middle_x_px": 319.5, "middle_y_px": 239.5, "distortion": (0.0,) * 5, "error_px": 0.2,
    "fov_deg": 90.0, "fov_uncertainty_deg": 0.5, "fisheye": 0.0, "fisheye_uncertainty": 0.05,
}  # fmt: skip
POSE = {
    "height_m": 0.15, "height_uncertainty_m": 0.002, "pitch_deg": 18.0, "pitch_uncertainty_deg": 0.3,
    "roll_deg": 1.0, "roll_uncertainty_deg": 0.3,
}  # fmt: skip
VEHICLE = {
    "wheelbase_m": 0.17, "wheelbase_uncertainty_m": 0.002, "left_lock_deg": 24.0, "right_lock_deg": 26.0,
    "lock_uncertainty_deg": 0.5, "speeds": ((0.14, 0.8), (0.2, 1.2)), "top_speed_m_s": 5.9,
    "top_speed_uncertainty_m_s": 0.2,
}  # fmt: skip
LATENCY = {
    "latency_s": 0.08, "latency_uncertainty_s": 0.01, "servo_lag_s": 0.06, "servo_lag_uncertainty_s": 0.02,
    "loop_s": 0.004, "correlation": 0.97,
}  # fmt: skip


def measured_car() -> CarCalibration:
    calibration = with_found(nominal(), "steering", {"centre_us": 1510.0, "uncertainty_us": 5.0})
    calibration = with_found(calibration, "lens", LENS)
    calibration = with_found(calibration, "pose", POSE)
    calibration = with_found(calibration, "vehicle", VEHICLE)
    return with_found(calibration, "latency", LATENCY)
