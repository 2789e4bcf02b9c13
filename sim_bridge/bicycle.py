"""How cars move: the kinematic bicycle, with a servo that lags and commands that arrive late. Many cars at once.

R. Rajamani, Vehicle Dynamics and Control, section 2.2, with the rear axle as reference point: no slip at Donkey speeds.
"""

import numpy as np

from sim_bridge.distributions import Scene


class Bicycles:
    """n cars. State arrays are float64 (n,): x_m, y_m (rear axle), heading_rad, speed_m_s, steering (-1 left .. +1)."""

    def __init__(self, count: int, period_s: float) -> None:
        self.x_m, self.y_m, self.heading_rad, self.speed_m_s, self.steering = np.zeros((5, count))
        self._commands = np.zeros((2, 0, count))  # steering and throttle; a row per period, the newest first
        self._period_s = period_s
        self.wheelbase_m, self.full_lock_rad = np.ones((2, count))
        self._trim, self._top_speed_m_s = np.ones((2, count))
        self._servo_lag_s, self._motor_lag_s = np.ones((2, count))
        self._late_periods = np.zeros(count, int)  # whole periods of latency ...
        self._late_s = np.zeros(count)  # ... and the rest of it
        self._car = np.arange(count)

    def place(self, car: int, scene: Scene, x_m: float, y_m: float, heading_rad: float) -> None:
        """Put one car down with the scene's properties: standing, wheels straight, no command on its way."""
        self.x_m[car], self.y_m[car], self.heading_rad[car] = x_m, y_m, heading_rad
        self.speed_m_s[car], self.steering[car] = 0.0, 0.0
        self.wheelbase_m[car], self.full_lock_rad[car] = scene.wheelbase_m, np.radians(scene.full_lock_deg)
        self._trim[car], self._top_speed_m_s[car] = scene.steering_trim, scene.top_speed_m_s
        self._servo_lag_s[car], self._motor_lag_s[car] = scene.servo_lag_s, scene.motor_lag_s
        self._late_periods[car], self._late_s[car] = divmod(scene.latency_s + 1e-9, self._period_s)
        needed = int(self._late_periods[car]) + 2
        if self._commands.shape[1] < needed:
            self._commands = np.pad(self._commands, ((0, 0), (0, needed - self._commands.shape[1]), (0, 0)))
        self._commands[:, :, car] = 0.0

    @property
    def commanded_steering(self) -> np.ndarray:
        """The steering last commanded to each car, float64 (n,)."""
        return self._commands[0, 0]

    def step(self, steering: np.ndarray, throttle: np.ndarray) -> None:
        """One control period. steering, throttle: (n,), -1 .. +1, issued at its start, felt `latency_s` later."""
        self._commands[:, 1:] = self._commands[:, :-1]
        self._commands[:, 0] = np.clip(steering, -1, 1), np.clip(throttle, -1, 1)
        # Until late_s into the period the older command is in force, from then on the newer one.
        self._move(self._commands[:, self._late_periods + 1, self._car], self._late_s)
        self._move(self._commands[:, self._late_periods, self._car], self._period_s - self._late_s)

    def _move(self, command: np.ndarray, duration_s: np.ndarray) -> None:
        """Constant command: steering and speed approach it exponentially, exactly; the arc takes their means."""
        self.steering, mean_steering = _approach(
            self.steering, np.clip(command[0] + self._trim, -1, 1), self._servo_lag_s, duration_s
        )
        self.speed_m_s, mean_speed_m_s = _approach(
            self.speed_m_s, command[1] * self._top_speed_m_s, self._motor_lag_s, duration_s
        )
        wheel_rad = -mean_steering * self.full_lock_rad  # + steering is right, and headings grow to the left
        distance_m = mean_speed_m_s * duration_s
        turn_rad = distance_m * np.tan(wheel_rad) / self.wheelbase_m
        along = self.heading_rad + turn_rad / 2
        self.x_m += distance_m * np.cos(along)
        self.y_m += distance_m * np.sin(along)
        self.heading_rad += turn_rad


def _approach(
    value: np.ndarray, target: np.ndarray, lag_s: np.ndarray, duration_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A first-order lag: the value after duration_s, and its mean on the way (0 s: the value itself)."""
    left = np.exp(-duration_s / lag_s)
    mean_left = np.where(duration_s > 0, lag_s * (1 - left) / np.maximum(duration_s, 1e-12), 1.0)
    return target + (value - target) * left, target + (value - target) * mean_left
