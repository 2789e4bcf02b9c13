"""A DonkeySim behind Gymnasium's interface: one car as an Env, several as a VectorEnv whose steps can be waited for."""

import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from models.contract import Contract
from sim_bridge.donkeysim.client import SimulatorLost
from sim_bridge.donkeysim.driver import Driver, Outcome
from sim_bridge.launcher.lease import Lease

MAX_STEPS = 600  # 30 s at 20 Hz
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0  # between two tries to reach a simulator that has gone
GIVE_UP_S = 180.0  # after which it is not waited for any more

Where = Callable[[], tuple[str, int]]


class DonkeySimEnv(gymnasium.Env):
    """One car. Observation and actions are the contract's. A simulator that goes ends the episode with SimulatorLost;
    the next reset connects again."""

    metadata = {"render_modes": []}  # noqa: RUF012, Gymnasium's own form

    def __init__(
        self, where: Where, scene: str, contract: Contract | None = None, max_steps: int = MAX_STEPS, **options: Any
    ) -> None:
        """options: Driver's."""
        self.contract = contract or Contract()
        self.observation_space = gymnasium.spaces.Box(0, 255, self.contract.observation.shape, np.uint8)
        self.action_space = gymnasium.spaces.Discrete(len(self.contract.actions))
        self._where, self._driver = where, Driver(where, scene, self.contract, **options)
        self._max_steps, self._steps = max_steps, -1

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Raises SimulatorError."""
        super().reset(seed=seed)
        self._steps = 0
        return self._driver.reset(seed)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Raises SimulatorLost."""
        if self._steps < 0:
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        self._driver.begin(*self.contract.actions.decode(int(action)))
        outcome = self._driver.end()
        self._steps += 1
        truncated = self._steps >= self._max_steps and not outcome.terminated
        return outcome.observation, outcome.reward, outcome.terminated, truncated, outcome.info

    def close(self) -> None:
        self._driver.car.close()
        _give_back(self._where)


class DonkeySimVectorEnv(VectorEnv):
    """Several cars, whose steps are sent together and waited for together: `send`, `arrived`, `receive`.

    Where a simulator goes, its cars' episodes are cut (truncated), and it is reached again before they go on; after
    GIVE_UP_S without it, or when `stop` says so, SimulatorLost is raised.
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}  # noqa: RUF012, Gymnasium's own form
    waits = True  # a frame takes its time: whoever learns can do so meanwhile

    def __init__(
        self,
        wheres: list[Where],
        scene: str,
        contract: Contract | None = None,
        max_steps: int = MAX_STEPS,
        tell: Callable[[str], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
        **options: Any,
    ) -> None:
        """wheres: of each car's simulator; several may be in one. tell: gets a line where one has gone, and where it is
        back. options: Driver's."""
        self.contract = contract or Contract()
        self.num_envs, self._wheres = len(wheres), wheres
        self.single_observation_space = gymnasium.spaces.Box(0, 255, self.contract.observation.shape, np.uint8)
        self.single_action_space = gymnasium.spaces.Discrete(len(self.contract.actions))
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        # The first car loads the scene. The others join it where the simulator does not say which one that is.
        self._drivers = [
            Driver(where, scene, self.contract, joins=number > 0, **options) for number, where in enumerate(wheres)
        ]
        self._max_steps, self._tell, self._stop = max_steps, tell, stop
        self._steps = np.zeros(self.num_envs, int)
        self._done = np.ones(self.num_envs, bool)
        self._outcomes: list[Outcome | None] = []
        self._fresh = np.ones(self.num_envs, bool)
        self._seeds = np.random.default_rng()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """All cars at their starts. seed: of their roads, where there are new ones. Raises SimulatorError."""
        if seed is not None:
            self._seeds = np.random.default_rng(seed)
        self._done[:], self._steps[:] = False, 0
        return np.stack([self._reset(car) for car in range(self.num_envs)]), {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """`send`, then `receive`."""
        self.send(actions)
        return self.receive()

    def send(self, actions: np.ndarray) -> None:
        """Let all cars do their actions; one that was done gets a new episode instead. Raises SimulatorError."""
        self._outcomes = [None] * self.num_envs
        self._fresh = self._done.copy()
        for car in np.flatnonzero(self._fresh).tolist():
            self._outcomes[car] = Outcome(self._reset(car), 0.0, False, {})
        for car in np.flatnonzero(~self._fresh).tolist():
            try:
                self._drivers[car].begin(*self.contract.actions.decode(int(actions[car])))
            except SimulatorLost as error:
                self._outcomes[car] = self._lost(car, error)

    def arrived(self) -> bool:
        """Whether `receive` need not wait."""
        for car in self._waiting():
            try:
                self._outcomes[car] = self._drivers[car].try_end()
            except SimulatorLost as error:
                self._outcomes[car] = self._lost(car, error)
        return not self._waiting()

    def receive(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Wait for what came of the actions. In the step after an episode's end: the next one's first observation,
        and reward 0."""
        for car in self._waiting():
            try:
                self._outcomes[car] = self._drivers[car].end()
            except SimulatorLost as error:
                self._outcomes[car] = self._lost(car, error)
        outcomes: list[Outcome] = self._outcomes
        lost = np.array([outcome.info.get("lost", False) for outcome in outcomes])
        self._steps = np.where(self._fresh, 0, self._steps + 1)
        terminated = np.array([outcome.terminated for outcome in outcomes])
        truncated = (lost | (self._steps >= self._max_steps)) & ~terminated & ~self._fresh
        self._done = terminated | truncated
        rewards = np.array([outcome.reward for outcome in outcomes])
        infos = {"lost": lost} | {
            name: np.array([outcome.info.get(name, 0.0) for outcome in outcomes])
            for name in ("offset_m", "speed_m_s", "driven_m", "laps")
        }
        return np.stack([outcome.observation for outcome in outcomes]), rewards, terminated, truncated, infos

    def rest(self) -> None:
        """Nobody will look for a while: all cars brake, and begin anew with the next step."""
        for driver in self._drivers:
            if driver.car.connected:
                driver.rest()
        self._done[:] = True

    @property
    def in_lockstep(self) -> bool:
        """Whether the simulators wait for the actions, so that no time is lost with other things."""
        return all(driver.car.lockstep for driver in self._drivers)

    @property
    def worlds_are_ours(self) -> bool:
        """Whether the cars drive in worlds that a table of ours draws, as in a training without a wire."""
        return all(driver.worlds_are_ours for driver in self._drivers)

    def close(self, **_: Any) -> None:
        for driver in self._drivers:
            driver.car.close()
        for where in self._wheres:
            _give_back(where)

    def _waiting(self) -> list[int]:
        return [car for car, outcome in enumerate(self._outcomes) if outcome is None]

    def _lost(self, car: int, error: SimulatorLost) -> Outcome:
        self._tell(f"{error}; car {car} begins anew when it is back")
        return Outcome(self._drivers[car].last, 0.0, False, {"lost": True})

    def _reset(self, car: int) -> np.ndarray:
        """A new episode, however often the simulator has to be looked for. Raises SimulatorError."""
        pause_s, end, gone = FIRST_PAUSE_S, time.monotonic() + GIVE_UP_S, False
        while True:
            try:
                observation, _ = self._drivers[car].reset(int(self._seeds.integers(2**31)))
            except SimulatorLost as error:
                if self._steps.sum() == 0 and not gone and not self._outcomes:
                    raise  # it was never there: the address is wrong, or nobody has started it
                if time.monotonic() + pause_s > end or self._stop():
                    raise
                if not gone:
                    self._tell(f"{error}; trying again for {GIVE_UP_S:g} s")
                gone = True
                self._pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                if gone:
                    self._tell(f"{self._drivers[car].car.name} is back")
                return observation

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stop():
            time.sleep(0.1)


def _give_back(where: Where) -> None:
    """A simulator that a launcher has started for us."""
    if isinstance(where, Lease):
        where.close()
