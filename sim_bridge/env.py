"""The embedded simulator as Gymnasium environments: many cars as a VectorEnv, one as an Env.

Observation and actions are the contract's. An episode ends (terminated) when the car leaves the road, and is cut
(truncated) after `max_steps`; the vector env then resets that car in the following step (Gymnasium's NEXT_STEP mode).
"""

from typing import Any

import cv2
import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from models.contract import Contract
from models.observation import shrink
from sim_bridge.distributions import TABLES
from sim_bridge.motion import State
from sim_bridge.reward import REWARDS
from sim_bridge.scene import Table
from sim_bridge.simulator import Simulator

MAX_STEPS = 600  # 30 s at 20 Hz


class DonkeyVectorEnv(VectorEnv):
    """`num_envs` cars in lock-step. Observations uint8 (n, size, size, stack), actions rows of the contract's table."""

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}  # noqa: RUF012, Gymnasium's own form
    waits = False  # a step is done when it is asked for: there is no meanwhile

    def __init__(
        self,
        num_envs: int,
        contract: Contract | None = None,
        table: Table = TABLES["training"],
        reward: str = "gaussian",
        max_steps: int = MAX_STEPS,
    ) -> None:
        self.contract = contract or Contract()
        self.num_envs = num_envs
        spec, actions = self.contract.observation, self.contract.actions
        self.single_observation_space = gymnasium.spaces.Box(0, 255, spec.shape, np.uint8)
        self.single_action_space = gymnasium.spaces.Discrete(len(actions))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._commands = np.array([actions.decode(action) for action in range(len(actions))])
        self._table, self._reward, self._max_steps = table, REWARDS[reward], max_steps
        self._stacks = np.zeros((num_envs, spec.stack, spec.size, spec.size), np.uint8)
        self._steps = np.zeros(num_envs, int)
        self._done = np.zeros(num_envs, bool)
        self.simulator: Simulator | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """New worlds for all cars. Without a seed the cars go on to their next worlds (at first, to random ones)."""
        if seed is not None or self.simulator is None:
            seed = int(np.random.SeedSequence().entropy % 2**63) if seed is None else seed  # type: ignore[operator]
            self.simulator = Simulator(self.num_envs, self._table, seed, self.contract.observation)
        else:
            self.simulator.reset(*range(self.num_envs))
        self._steps[:] = 0
        self._done[:] = False
        return self._see(np.ones(self.num_envs, bool)), self._infos(self.simulator.state)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One control period for all cars; a car that was done gets a new world instead, and reward 0."""
        simulator = self.simulator
        if simulator is None:
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        steering, throttle = self._commands[np.asarray(actions)].T
        fresh = self._done
        simulator.step(steering, throttle)
        if fresh.any():
            simulator.reset(*np.flatnonzero(fresh).tolist())
        state = simulator.state
        self._steps = np.where(fresh, 0, self._steps + 1)
        rewards = np.where(fresh, 0.0, self._reward(state))
        terminated = state.off_road & ~fresh
        rewards[terminated] = 0.0
        truncated = (self._steps >= self._max_steps) & ~terminated
        self._done = terminated | truncated
        return self._see(fresh), rewards, terminated, truncated, self._infos(state)

    def send(self, actions: np.ndarray) -> None:
        """`step` in two parts, as environments have it whose frames take their time: this one's is done at once."""
        self._sent = actions

    def arrived(self) -> bool:
        """`receive` need not wait."""
        return True

    def receive(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """The step with the actions that were sent."""
        return self.step(self._sent)

    def _see(self, fresh: np.ndarray) -> np.ndarray:
        """A picture for each car, which fills the whole stack where the car is fresh, bool (n,); the observations."""
        simulator, spec = self.simulator, self.contract.observation
        observations = np.empty(self.observation_space.shape, np.uint8)
        for car, (stack, first) in enumerate(zip(self._stacks, fresh.tolist(), strict=True)):
            view = shrink(simulator.road(car), spec)
            if first:
                stack[:] = view
            else:
                stack[:-1] = stack[1:]
                stack[-1] = view
            cv2.merge(stack, dst=observations[car])  # 5 times faster than a transpose
        return observations

    def _infos(self, state: State) -> dict[str, Any]:
        return {
            "offset_m": state.offset_m,
            "speed_m_s": state.speed_m_s.copy(),
            "driven_m": state.driven_m,
            "laps": state.laps,
        }


class DonkeyEnv(gymnasium.Env):
    """One car. Same worlds as car 0 of a DonkeyVectorEnv with the same seed."""

    metadata = {"render_modes": []}  # noqa: RUF012, Gymnasium's own form

    def __init__(self, **options: Any) -> None:
        self._vector = DonkeyVectorEnv(1, **options)
        self.observation_space = self._vector.single_observation_space
        self.action_space = self._vector.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        observations, infos = self._vector.reset(seed=seed)
        return observations[0], _first(infos)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        observations, rewards, terminated, truncated, infos = self._vector.step(np.array([action]))
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _first(infos)


def _first(infos: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: values[0].item() for name, values in infos.items()}
