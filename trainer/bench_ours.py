"""Contestants of `bench learner`: our update, and our whole training loop."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from models.contract import Contract
from sim_bridge.contestant import begin, hand_over, serve
from trainer.ddqn import DoubleDQN, train
from trainer.hyperparameters import Hyperparameters
from trainer.progress import Progress
from trainer.replay import Replay
from trainer.sitting import Sitting

STEPS = 300  # in memory, of each car: enough that samples come from all over it


def prepare_updates(options: dict[str, Any]) -> Callable[[], dict[str, float]]:
    """options: updates (in a round). A round is measured twice: batches at hand, and drawn from the memory."""
    contract, settings = Contract(), Hyperparameters(replay=20_000)
    learner, rng = DoubleDQN(contract, settings), np.random.default_rng(0)
    cars, size = settings.envs, contract.observation.size
    replay = Replay(settings.replay, cars, contract.observation.shape, seed=0)
    for _ in range(STEPS):
        views = rng.integers(0, 256, (cars, size, size), np.uint8)
        action, ended = rng.integers(0, len(contract.actions), cars), rng.uniform(size=cars) < 0.01
        replay.add(views, action, rng.uniform(size=cars), ended, np.zeros(cars, bool))
    batches = [replay.sample(settings.batch, settings.n_step, settings.gamma) for _ in range(options["updates"])]
    learner.learn(batches[0], settings.learning_rate)  # compiles

    def one_round() -> dict[str, float]:
        started = time.perf_counter()
        for batch in batches:
            learner.learn(batch, settings.learning_rate)
        between = time.perf_counter()
        for _ in batches:
            learner.learn(replay.sample(settings.batch, settings.n_step, settings.gamma), settings.learning_rate)
        ended = time.perf_counter()
        return {
            "ms_per_update": (between - started) / len(batches) * 1e3,
            "ms_with_sampling": (ended - between) / len(batches) * 1e3,
        }

    return one_round


def run_loop(options: dict[str, Any]) -> None:
    """options: frames (in a round), epsilon, learning_starts. The loop of `train`, held up between the rounds."""
    settings = Hyperparameters(
        replay=20_000,
        learning_starts=options["learning_starts"],
        epsilon_start=options["epsilon"],
        epsilon_end=options["epsilon"],
        evaluate_every_s=1e9,
    )
    done, started = 0, None

    def stop() -> bool:
        nonlocal done, started
        done += settings.envs
        if started is None and done > 2 * settings.learning_starts:  # it has learnt: all is compiled
            hand_over({})
        elif started is not None and done >= options["frames"]:
            hand_over({"frames_per_s": done / (time.perf_counter() - started)})
        else:
            return False
        done, started = 0, time.perf_counter()
        return False

    def ignore(_: Progress) -> None:
        pass

    def keep(_: keras.Model, __: Progress) -> None:
        pass

    train(Sitting(Contract(), settings, None, None, ignore, keep, stop))


if __name__ == "__main__":
    given = begin()
    if "frames" in given:
        run_loop(given)
    else:
        serve(prepare_updates(given))
