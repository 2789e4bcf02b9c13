"""A contestant of `bench sim`: the embedded simulator, driven by commands that pure pursuit chose beforehand."""

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from models.contract import Contract
from models.observation import FrameStack, grey_view
from sim_bridge import make_vector_env
from sim_bridge.contestant import begin, serve
from sim_bridge.distributions import TABLES
from sim_bridge.pursuit import pure_pursuit
from sim_bridge.scene import Table
from sim_bridge.simulator import Simulator

SEED = 1
LEAST_CARS = 8  # so many worlds are driven in a round, one after the other where fewer cars drive at once


def prepare(options: dict[str, Any]) -> Callable[[], dict[str, float]]:
    """options: cars, steps (frames an episode), table, rgb (what people and donkeycar see, or luma alone)."""
    cv2.setNumThreads(1)
    cars, steps, table = options["cars"], options["steps"], TABLES[options["table"]]
    episodes = max(1, LEAST_CARS // cars)
    drive = _drive_rgb if options["rgb"] else _drive_luma
    actions = _chosen(cars, steps, table, episodes)

    def one_round() -> dict[str, float]:
        return {"us_per_frame": drive(cars, steps, table, actions) / (cars * len(actions)) * 1e6}

    return one_round


def _chosen(cars: int, steps: int, table: Table, episodes: int) -> list[np.ndarray]:
    """The actions, (cars,) at each step, that keep the cars of SEED on their roads; each episode ends with a step in
    which the cars get new worlds."""
    env = make_vector_env(cars, table=table, max_steps=steps)
    env.reset(seed=SEED)
    steering = np.array([env.contract.actions.decode(action)[0] for action in range(len(env.contract.actions))])
    actions = []
    for _ in range(episodes * (steps + 1)):
        actions.append(np.abs(pure_pursuit(env.simulator)[:, None] - steering).argmin(axis=1))
        env.step(actions[-1])
    return actions


def _drive_luma(cars: int, steps: int, table: Table, actions: list[np.ndarray]) -> float:
    """The environment that trains. Returns the seconds it took, from the first step on."""
    env = make_vector_env(cars, table=table, max_steps=steps)
    env.reset(seed=SEED)
    started = time.perf_counter()
    for action in actions:
        env.step(action)
    return time.perf_counter() - started


def _drive_rgb(cars: int, steps: int, table: Table, actions: list[np.ndarray]) -> float:
    """The same drive with the whole picture in colour, cropped, greyed and shrunk as on the car."""
    contract = Contract()
    simulator = Simulator(cars, table, SEED, contract.observation, rgb=True)
    stacks = [FrameStack(contract.observation) for _ in range(cars)]
    commands = np.array([contract.actions.decode(action) for action in range(len(contract.actions))])
    started = time.perf_counter()
    for step, action in enumerate(actions, start=1):
        simulator.step(*commands[action].T)
        if step % (steps + 1) == 0:
            simulator.reset(*range(cars))
        for car, stack in enumerate(stacks):
            stack.push(grey_view(simulator.frame(car), contract.observation))
    return time.perf_counter() - started


if __name__ == "__main__":
    serve(prepare(begin()))
