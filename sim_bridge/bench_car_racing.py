"""A contestant of `bench sim`: Gymnasium's CarRacing-v3 as it comes. Run by the Python of .peers."""

import time
from collections.abc import Callable
from typing import Any

import cv2
import gymnasium

from sim_bridge.contestant import begin, serve


def prepare(options: dict[str, Any]) -> Callable[[], dict[str, float]]:
    """options: steps (frames in a round; its own episodes of 1000 frames go on from one round to the next)."""
    cv2.setNumThreads(1)
    env = gymnasium.make("CarRacing-v3")
    env.action_space.seed(1)
    env.reset(seed=1)
    actions = [env.action_space.sample() for _ in range(options["steps"])]

    def one_round() -> dict[str, float]:
        started = time.perf_counter()
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return {"us_per_frame": (time.perf_counter() - started) / len(actions) * 1e6}

    return one_round


if __name__ == "__main__":
    serve(prepare(begin()))
