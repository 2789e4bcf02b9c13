"""Contestants of `bench learner`: the update and the whole loop of Stable-Baselines3's DQN, with our convolutional
network on our environment. Run by the Python of .peers.

Its update is plain DQN: two passes through the network beside the gradient's, where double DQN needs three.
"""

import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv

from models.contract import Contract
from sim_bridge import make_vector_env
from sim_bridge.contestant import begin, hand_over, serve


class Trunk(BaseFeaturesExtractor):
    """The layers of trainer/network.py up to the heads."""

    def __init__(self, space: gymnasium.spaces.Box) -> None:
        super().__init__(space, features_dim=128)
        channels, size, _ = space.shape
        side = (size // 4 - 3) // 2 + 1
        self._layers = torch.nn.Sequential(
            torch.nn.Conv2d(channels, 16, 4, 4),
            torch.nn.ReLU6(),
            torch.nn.Conv2d(16, 32, 3, 2),
            torch.nn.ReLU6(),
            torch.nn.Flatten(),
            torch.nn.Linear(32 * side * side, 128),
            torch.nn.ReLU6(),
        )

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        return self._layers(observation)


class Cars(VecEnv):
    """Our environment as Stable-Baselines3 wants it. The step that resets a car counts as one of its transitions."""

    def __init__(self, cars: int) -> None:
        self._env = make_vector_env(cars)
        super().__init__(cars, self._env.single_observation_space, self._env.single_action_space)

    def reset(self) -> np.ndarray:
        return self._env.reset(seed=0)[0]

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        observation, reward, terminated, truncated, _ = self._env.step(self._actions)
        infos = [
            {"terminal_observation": seen, "TimeLimit.truncated": bool(cut)} if over else {}
            for seen, over, cut in zip(observation, terminated | truncated, truncated, strict=True)
        ]
        return observation, reward.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self._env, attr_name, None)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs

    # VecEnv demands these two of every environment; DQN's training never calls them.

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AssertionError("DQN sets no attribute of its environment")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise AssertionError("DQN calls no method of its environment's own")


def dqn(options: dict[str, Any]) -> DQN:
    """options: those of trainer/hyperparameters.py that DQN has too."""
    return DQN(
        "CnnPolicy",
        Cars(options["envs"]),
        learning_rate=options["learning_rate"],
        buffer_size=8_000,
        learning_starts=options["learning_starts"],
        batch_size=options["batch"],
        gamma=options["gamma"],
        train_freq=1,
        gradient_steps=options["updates_per_round"],
        exploration_initial_eps=options["epsilon"],
        exploration_final_eps=options["epsilon"],
        max_grad_norm=options["gradient_clip"],
        policy_kwargs={"features_extractor_class": Trunk, "net_arch": []},
        device="cpu",
    )


def prepare_updates(options: dict[str, Any]) -> Callable[[], dict[str, float]]:
    """options: updates (in a round), and dqn's. Its train() always draws its batches from the memory."""
    model, contract, rng = dqn(options), Contract(), np.random.default_rng(0)
    model.set_logger(Logger(folder=None, output_formats=[]))
    cars, spec = options["envs"], contract.observation
    for _ in range(300):
        seen = rng.integers(0, 256, (cars, spec.stack, spec.size, spec.size), np.uint8)
        action, ended = rng.integers(0, len(contract.actions), (cars, 1)), rng.uniform(size=cars) < 0.01
        model.replay_buffer.add(seen, seen, action, rng.uniform(size=cars), ended, [{}] * cars)
    model.train(gradient_steps=10, batch_size=options["batch"])

    def one_round() -> dict[str, float]:
        started = time.perf_counter()
        model.train(gradient_steps=options["updates"], batch_size=options["batch"])
        return {"ms_with_sampling": (time.perf_counter() - started) / options["updates"] * 1e3}

    return one_round


class Rounds(BaseCallback):
    """Holds the loop up between the rounds."""

    def __init__(self, frames: int, learning_starts: int) -> None:
        super().__init__()
        self._frames, self._learning_starts = frames, learning_starts
        self._done, self._started = 0, None

    def _on_step(self) -> bool:
        self._done += self.training_env.num_envs
        if self._started is None and self._done > 2 * self._learning_starts:
            hand_over({})
        elif self._started is not None and self._done >= self._frames:
            hand_over({"frames_per_s": self._done / (time.perf_counter() - self._started)})
        else:
            return True
        self._done, self._started = 0, time.perf_counter()
        return True


def run_loop(options: dict[str, Any]) -> None:
    """options: frames (in a round), and dqn's. Its own learning loop."""
    dqn(options).learn(10**9, callback=Rounds(options["frames"], options["learning_starts"]), log_interval=None)


if __name__ == "__main__":
    given = begin()
    torch.set_num_threads(given["threads"])
    if "frames" in given:
        run_loop(given)
    else:
        serve(prepare_updates(given))
