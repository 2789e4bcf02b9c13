"""Contestants of `bench learner`: our update, and our whole training loop."""

import time
from typing import Any

import keras
import numpy as np

from models.contract import Contract
from sim_bridge.contestant import begin, hand_over, serve
from trainer.ddqn import DoubleDQN, train
from trainer.hyperparameters import Hyperparameters
from trainer.learner import use_threads
from trainer.progress import Progress
from trainer.replay import Batch, Replay
from trainer.team import Member, Order, Team, cores, team_size

STEPS = 300  # in memory, of each car: enough that samples come from all over it


class Updates:
    """A learner and a filled memory: one member's share of a round, measured twice."""

    def __init__(self, member: Member, updates: int) -> None:
        contract, settings = Contract(), Hyperparameters(replay=20_000)
        rng, size = np.random.default_rng(member.rank), contract.observation.size
        cars, self._batch = settings.envs // member.size, settings.batch // member.size
        self._learner, self._settings = DoubleDQN(contract, settings), settings
        self._learner.join(member)
        self._replay = Replay(settings.replay // member.size, cars, contract.observation.shape, seed=member.rank)
        for _ in range(STEPS):
            views = rng.integers(0, 256, (cars, size, size), np.uint8)
            action, ended = rng.integers(0, len(contract.actions), cars), rng.uniform(size=cars) < 0.01
            self._replay.add(views, action, rng.uniform(size=cars), ended, np.zeros(cars, bool))
        self._batches = [self._draw() for _ in range(updates)]
        self._learner.learn(self._batches[0], settings.learning_rate)  # compiles

    def _draw(self) -> Batch:
        return self._replay.sample(self._batch, self._settings.n_step, self._settings.gamma)

    def round(self) -> dict[str, float]:
        """Batches at hand, then batches drawn from the memory."""
        started = time.perf_counter()
        for batch in self._batches:
            self._learner.learn(batch, self._settings.learning_rate)
        between = time.perf_counter()
        for _ in self._batches:
            self._learner.learn(self._draw(), self._settings.learning_rate)
        ended = time.perf_counter()
        return {
            "ms_per_update": (between - started) / len(self._batches) * 1e3,
            "ms_with_sampling": (ended - between) / len(self._batches) * 1e3,
        }


def serve_updates(updates: int) -> None:
    """Rounds of so many updates, each when it is asked for; the whole team takes part."""
    settings = Hyperparameters()
    size = team_size(settings.envs, settings.batch)
    use_threads(cores() // size)
    parameters = DoubleDQN(Contract(), settings).parameters
    with Team(size, parameters, _update_along, updates) as leader:
        measured = Updates(leader, updates)

        def one_round() -> dict[str, float]:
            leader.order(Order(going=True))
            return measured.round()

        serve(one_round)


def _update_along(member: Member, updates: int) -> None:
    use_threads(cores() // member.size)
    measured = Updates(member, updates)
    while member.hear().going:
        measured.round()


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

    train(Contract(), settings, None, None, ignore, keep, stop)


if __name__ == "__main__":
    given = begin()
    if "frames" in given:
        run_loop(given)
    else:
        serve_updates(given["updates"])
