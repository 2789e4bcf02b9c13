"""How cars move: the kinematic bicycle, with a servo that lags and commands that arrive late. Many cars at once.

R. Rajamani, Vehicle Dynamics and Control, section 2.2, with the rear axle as reference point. Where a scene has slip,
the car turns less the faster it is, by the understeer gradient of the same book's section 3.3: 1 / (1 + K v²).
"""

import numpy as np

from sim_bridge.scene import Scene

_OLDER_THEN_NEWER = np.array([[1], [0]])  # rows of commands, in the two parts of a period
_JITTER = np.random.default_rng(0).uniform(size=256)  # of successive periods' latencies, as shares of the most


class Bicycles:
    """n cars. State arrays are float64 (n,): x_m, y_m (rear axle), heading_rad, speed_m_s, steering (-1 left .. +1)."""

    def __init__(self, count: int, period_s: float) -> None:
        self.x_m, self.y_m, self.heading_rad = np.zeros((3, count))
        self._lagging = np.zeros((2, count))  # steering and speed: what follows its target with a lag
        self._commands = np.zeros((2, 0, count))  # steering and throttle; a row per period, the newest first
        self.period_s = period_s
        self.wheelbase_m, self.full_lock_rad = np.ones((2, count))
        # Targets from commands, rows steering and throttle: times gain, plus offset, from least to most.
        self._gain, self._offset = np.ones((2, count)), np.zeros((2, count))
        self._most = np.array([[[1.0]], [[np.inf]]])
        self._least = -self._most
        self._late_periods = np.zeros(count, int)  # whole periods of latency; a period's first part takes the rest
        # Of the two parts of a period, (part, n): how long, and of what is missing to the target, for steering and
        # speed, (2, part, n): the share missing at its end, and on its mean.
        self._latency_s, self._jitter_s, self._servo_lag_s, self._motor_lag_s = np.zeros((4, count))
        self.periods = np.zeros(count, int)  # driven since the car was put down
        self._rate_per_s = np.full(count, np.inf)  # at most, of the steering
        self._uneven, self._slip_s2_m2 = np.zeros((2, count))
        self._any_jitter = self._any_rate = False  # whether a car has one: looked for once, and not in every period
        self._part_s = np.zeros((2, count))
        self._left, self._mean_left = np.ones((2, 2, 2, count))
        self._car = np.arange(count)

    def repeat(self, copies: int) -> "Bicycles":
        """The same cars in the same states, each `copies` times one after the other."""
        repeated = Bicycles(0, self.period_s)
        for name, value in vars(self).items():
            of_cars = isinstance(value, np.ndarray) and value.shape[-1] == len(self.x_m)
            setattr(repeated, name, np.repeat(value, copies, axis=-1) if of_cars else value)
        repeated._car = np.arange(len(repeated.x_m))
        return repeated

    def place(self, car: int, scene: Scene, x_m: float, y_m: float, heading_rad: float) -> None:
        """Put one car down with the scene's properties: standing, wheels straight, no command on its way."""
        self.x_m[car], self.y_m[car], self.heading_rad[car] = x_m, y_m, heading_rad
        self._lagging[:, car] = 0.0
        self.wheelbase_m[car], self.full_lock_rad[car] = scene.wheelbase_m, np.radians(scene.full_lock_deg)
        self._gain[:, car], self._offset[:, car] = (1.0, scene.top_speed_m_s), (scene.steering_trim, 0.0)
        self._rate_per_s[car], self._uneven[car] = scene.servo_rate_per_s, scene.steering_uneven
        self._slip_s2_m2[car], self.periods[car] = scene.slip_s2_m2, 0
        self._latency_s[car], self._jitter_s[car] = scene.latency_s, scene.latency_jitter_s
        self._servo_lag_s[car], self._motor_lag_s[car] = scene.servo_lag_s, scene.motor_lag_s
        self._any_jitter, self._any_rate = bool(self._jitter_s.any()), bool((self._rate_per_s < np.inf).any())
        self._delay(np.array([car]), self._latency_s[[car]])
        needed = int((scene.latency_s + scene.latency_jitter_s) / self.period_s) + 2
        if self._commands.shape[1] < needed:
            self._commands = np.pad(self._commands, ((0, 0), (0, needed - self._commands.shape[1]), (0, 0)))
        self._commands[:, :, car] = 0.0

    def hold(self, steering: np.ndarray) -> None:
        """The wheels stand where this command, (n,), has long held them, and no other is on its way."""
        self._commands[0] = steering
        self._lagging[0] = np.clip(steering * self._gain[0] + self._offset[0], -1.0, 1.0)

    def turn_alike(self, turns_rad_per_m: float) -> None:
        """From now on steering 1 turns each car by so much a metre, and straight ahead is straight ahead. The wheels
        stay where they stand, as far as that is within reach."""
        wheel_rad = self.steering * self.full_lock_rad * (1 + self._uneven * np.sign(self.steering))
        self.full_lock_rad = np.arctan(turns_rad_per_m * self.wheelbase_m)
        self._lagging[0] = np.clip(wheel_rad / self.full_lock_rad, -1, 1)
        self._offset[0], self._uneven = 0.0, np.zeros_like(self._uneven)

    def slip_more(self, times: float) -> None:
        """From now on each floor slips so many times as much."""
        self._slip_s2_m2 = times * self._slip_s2_m2

    @property
    def steering(self) -> np.ndarray:
        """Where the front wheels stand, -1 left .. +1, float64 (n,)."""
        return self._lagging[0]

    @property
    def locks_rad(self) -> np.ndarray:
        """How far the front wheels turn at steering -1 and at +1, float64 (2, n)."""
        return self.full_lock_rad * np.stack([1 - self._uneven, 1 + self._uneven])

    @property
    def speed_m_s(self) -> np.ndarray:
        """float64 (n,)."""
        return self._lagging[1]

    @property
    def top_speed_m_s(self) -> np.ndarray:
        """At throttle 1, float64 (n,)."""
        return self._gain[1]

    @property
    def commanded_steering(self) -> np.ndarray:
        """The steering last commanded to each car, float64 (n,)."""
        return self._commands[0, 0]

    def step(self, steering: np.ndarray, throttle: np.ndarray) -> None:
        """One control period. steering, throttle: (n,), -1 .. +1, issued at its start, felt `latency_s` later."""
        if self._any_jitter:
            share = _JITTER[self.periods % len(_JITTER)]
            self._delay(self._car, self._latency_s + share * self._jitter_s)
        self.periods += 1
        self._commands[:, 1:] = self._commands[:, :-1]
        self._commands[0, 0], self._commands[1, 0] = steering, throttle
        np.maximum(self._commands[:, 0], -1.0, out=self._commands[:, 0])
        np.minimum(self._commands[:, 0], 1.0, out=self._commands[:, 0])
        # For the rest of the latency the older command is in force, from then on the newer one.
        self._move(self._commands[:, self._late_periods + _OLDER_THEN_NEWER, self._car])

    def _delay(self, cars: np.ndarray, latency_s: np.ndarray) -> None:
        """Let the commands of these cars, int (k,), come so late, (k,), from now on."""
        periods, late_s = np.divmod(latency_s + 1e-9, self.period_s)
        self._late_periods[cars] = periods
        lag_s = np.stack([self._servo_lag_s[cars], self._motor_lag_s[cars]])
        for part, duration_s in enumerate((late_s, self.period_s - late_s)):
            self._part_s[part, cars] = duration_s
            self._left[:, part, cars], self._mean_left[:, part, cars] = _decay(lag_s, duration_s)

    def _move(self, command: np.ndarray) -> None:
        """Two parts of a period, each with its constant command, (2, part, n): steering and speed approach it
        exponentially, exactly; the arc takes their means."""
        target = command * self._gain[:, None] + self._offset[:, None]
        target = np.maximum(np.minimum(target, self._most), self._least)
        mean = np.empty_like(target)
        for part in (0, 1):
            aim = target[:, part]
            missing = self._lagging - aim
            before, self._lagging = self._lagging[0], aim + missing * self._left[:, part]
            mean[:, part] = aim + missing * self._mean_left[:, part]
            if self._any_rate:
                self._hold_back(before, mean[0, part], part)
        mean_steering, mean_speed_m_s = mean
        # + steering is right, and headings grow to the left
        wheel_rad = -mean_steering * self.full_lock_rad * (1 + self._uneven * np.sign(mean_steering))
        distance_m = mean_speed_m_s * self._part_s
        turn_rad = distance_m * np.tan(wheel_rad) / self.wheelbase_m / (1 + self._slip_s2_m2 * mean_speed_m_s**2)
        along = turn_rad / 2
        along[0] += self.heading_rad
        self.heading_rad += turn_rad[0]
        along[1] += self.heading_rad
        self.heading_rad += turn_rad[1]
        for part in distance_m * np.cos(along):
            self.x_m += part
        for part in distance_m * np.sin(along):
            self.y_m += part

    def _hold_back(self, before: np.ndarray, mean: np.ndarray, part: int) -> None:
        """Let the steering, (n,), go as far as the servo can in that part of a period, and its mean, in place."""
        most = self._rate_per_s * self._part_s[part]
        too_fast = np.abs(self._lagging[0] - before) > most
        if too_fast.any():
            change = np.copysign(np.where(too_fast, most, 0), self._lagging[0] - before)
            self._lagging[0] = np.where(too_fast, before + change, self._lagging[0])
            mean[:] = np.where(too_fast, before + change / 2, mean)


def _decay(lag_s: np.ndarray, duration_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First-order lags, (2, k): the share of a difference left after duration_s, (k,), and its mean on the way."""
    left = np.exp(-duration_s / lag_s)
    with np.errstate(divide="ignore", invalid="ignore"):
        return left, np.where(duration_s > 0, lag_s * (1 - left) / duration_s, 1.0)
