"""A car in a DonkeySim as a learner meets it: episodes, with their beginning, their end and their reward.

The simulator says where the car is; what that is worth, and when an episode is over, is decided here.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.contract import Contract
from models.observation import FrameStack, grey_view
from sim_bridge.donkeysim.client import Car, CarOptions, SimulatorLost
from sim_bridge.donkeysim.scenes import SCENES, Road
from sim_bridge.donkeysim.telemetry import BadTelemetry, Telemetry
from sim_bridge.motion import State
from sim_bridge.reward import REWARDS

BACKWARDS_M_S = -0.05  # slower is standing, and telemetry trembles


@dataclass(frozen=True)
class Limits:
    """What an action may ask of the car at most."""

    steering: float = 1.0
    throttle_min: float = -1.0
    throttle_max: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What came of one step."""

    observation: np.ndarray  # uint8 (size, size, stack)
    reward: float
    terminated: bool
    info: dict[str, object]


class Driver:
    """One car, step by step: `begin` sends the action, `end` waits for what comes of it."""

    def __init__(
        self,
        where: Callable[[], tuple[str, int]],
        scene: str,
        contract: Contract,
        *,
        reward: str = "laplace",
        road: Road | None = None,
        new_roads: bool = False,
        frame_skip: int = 1,
        limits: Limits = Limits(),
        options: CarOptions = CarOptions(),  # noqa: B008, frozen
        joins: bool = False,
    ) -> None:
        """where, scene, options, joins: as Car takes them. road: instead of the scene's own, and of what the simulator
        says of it. new_roads: another one for each episode, where the scene is generated_road and the server our own:
        DonkeySim would change it for everyone. frame_skip: frames that
        an action is in force for; all their rewards count."""
        self.car = Car(where, scene, options, joins=joins)
        self._contract, self._reward, self._road = contract, REWARDS[reward], road
        self._new_roads = new_roads and self.car.scene == "generated_road"
        self._frame_skip, self._limits = frame_skip, limits
        self._stack = FrameStack(contract.observation)
        self._driven_m = self._time_s = self._began_s = 0.0
        self._command = (0.0, 0.0)
        self._frames_left = 0
        self._sum = 0.0
        self.worlds_are_ours = False  # new ones for each episode, and our own server's
        self.last: np.ndarray = np.zeros(contract.observation.shape, np.uint8)  # observation

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, dict[str, object]]:
        """A new episode; connects where that is needed. seed: of the road, where there are new ones.

        Raises SimulatorError.
        """
        if not self.car.connected:
            self.car.connect()
        if self._new_roads and self.car.ours:
            self.car.new_road(random.randrange(2**31) if seed is None else seed)  # noqa: S311, it hides nothing
        frame = self.car.reset()
        self._stack.clear()
        self._driven_m, self._time_s, self._began_s = 0.0, frame.time_s, frame.time_s
        self.worlds_are_ours = self._new_roads and self.car.ours
        state = self._state(frame, 0.0)
        return self._see(frame), self._info(frame, state)

    def begin(self, steering: float, throttle: float) -> None:
        """Send an action, -1 .. 1 each. Raises SimulatorLost."""
        limits = self._limits
        self._command = (
            min(max(float(steering), -limits.steering), limits.steering),
            min(max(float(throttle), limits.throttle_min), limits.throttle_max),
        )
        self._frames_left, self._sum = self._frame_skip, 0.0
        self.car.drive(*self._command)

    def end(self, timeout_s: float | None = None) -> Outcome:
        """Wait for what comes of it. Raises SimulatorLost."""
        while True:
            outcome = self._take(self.car.frame(timeout_s))
            if outcome is not None:
                return outcome

    def try_end(self) -> Outcome | None:
        """What came of it, None where that has not come yet. Raises SimulatorLost."""
        frame = self.car.frame_now()
        return None if frame is None else self._take(frame)

    def rest(self) -> None:
        """Stand on the brake while nobody looks on. What is lost, is lost later."""
        try:
            self.car.drive(0.0, 0.0, 1.0)
        except SimulatorLost:
            self.car.close()

    def _take(self, frame: Telemetry) -> Outcome | None:
        """A frame of this action; the last of them, or one that ends the episode, ends the step."""
        period_s = round(frame.time_s - self._time_s, 4)
        if not 0 < period_s < 1:  # a simulator that does not say, or whose clock was set
            period_s = self._contract.observation.period_s
        self._time_s = frame.time_s
        state = self._state(frame, frame.velocity_m_s[2] * period_s)
        over = bool(state.off_road[0]) or frame.hit != "none" or self.car.disqualified
        forward = frame.velocity_m_s[2] > BACKWARDS_M_S
        self._sum += float(self._reward(state)[0]) if forward and not over else 0.0
        self._frames_left -= 1
        if self._frames_left > 0 and not over:
            self.car.drive(*self._command)
            return None
        reward = 0.0 if over else self._sum
        return Outcome(self._see(frame), reward, over, self._info(frame, state))

    def _state(self, frame: Telemetry, progress_m: float) -> State:
        """As far as the wire tells: which way the car looks is not known, nor when a lap is over to the metre."""
        road = self._road or frame.road or SCENES[self.car.scene]
        self._driven_m += progress_m
        return State(
            offset_m=np.array([road.offset_m(frame.cte)]),
            heading_error_rad=np.zeros(1),
            half_width_m=np.array([road.half_width_m]),
            speed_m_s=np.array([frame.speed_m_s]),
            progress_m=np.array([progress_m]),
            driven_m=np.array([self._driven_m]),
            laps=np.array([self.car.laps]),
        )

    def _see(self, frame: Telemetry) -> np.ndarray:
        try:
            self.last = self._stack.push(grey_view(frame.luma(), self._contract.observation))
        except (BadTelemetry, ValueError) as error:
            self.car.close()
            raise SimulatorLost(f"{self.car.name} sends no picture that can be used: {error}") from error
        return self.last

    def _info(self, frame: Telemetry, state: State) -> dict[str, object]:
        return {
            "offset_m": float(state.offset_m[0]),
            "speed_m_s": frame.speed_m_s,
            "driven_m": float(state.driven_m[0]),
            "laps": self.car.laps,
            "lap_s": self.car.lap_s,
            "hit": frame.hit,
            "cte": frame.cte,
            "position_m": frame.position_m,
            "velocity_m_s": frame.velocity_m_s,
            "accel_m_s2": frame.accel_m_s2,
            "gyro_rad_s": frame.gyro_rad_s,
            "angles_deg": frame.angles_deg,
            "time_s": round(frame.time_s - self._began_s, 3),  # since the episode began
            **({"lidar": frame.lidar} if frame.lidar is not None else {}),
            **({"image_b": frame.rgb_b()} if frame.picture_b is not None else {}),
        }
