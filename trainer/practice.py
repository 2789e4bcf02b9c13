"""Experience for learning from rolled-out values: a process of its own drives, looks and values; the trainer draws.

Half of the worlds are driven by someone who sees the track and errs on purpose, so that every way of standing on a
road is seen, also those from which only a good driver comes back. The others are driven by the policy that learns, so
that it sees where its own mistakes lead: S. Ross et al., A Reduction of Imitation Learning and Structured Prediction to
No-Regret Online Learning (2011). Imports no TensorFlow: the process starts in a second.
"""

import ctypes
import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import Any

import cv2
import numpy as np

from models.contract import Contract
from models.decision import Decisions
from models.observation import shrink
from sim_bridge.pursuit import pure_pursuit
from sim_bridge.rollout import LEFT, rolled_out_values
from sim_bridge.scene import Table
from sim_bridge.simulator import Simulator
from trainer.replay import stacked

WORLD_STEPS = 80  # about how long the policy stays in a world, 4 s: long enough to see where its mistakes lead
DRIVEN_STEPS = 40  # and the other driver, who sees all of it sooner: what is short is worlds, not pictures of them
LOOKAHEADS_M = (0.45, 0.6, 0.8)  # of the drivers
MOST_ERROR = 0.5  # of a driver's steering, standard deviation; it lasts a third of a second
POLICY_SHARE = 0.5  # of the worlds are the policy's to drive
RESCUE, RESCUE_STEPS = 1.2, 15  # half widths from the centre, where the other driver takes over, and for how long
VALUED_EVERY = 2  # steps: the picture between two that are valued hardly differs, but a stack needs it
NEW_THROTTLE_SHARE = 0.05  # of the steps the other driver takes another throttle, where there are several
PUSH_SHARE = 0.02  # of the steps begin with a push: any steering, held for 0.2 to 0.6 s
AHEAD_M = (0.4, 0.8, 1.2)  # where the road's direction is asked for
FACTS = ("offset", "heading", *(f"bend at {ahead_m} m" for ahead_m in AHEAD_M), "wheels")  # all + left but wheels
CELLS = 16  # x CELLS parts of a picture, of each of which is told where on the road it lies
MOST_ACROSS = 1.5  # half widths: what lies further out is beside the road, no matter how far
UNKNOWN = -128  # of a part that shows no floor
FACT_SCALE = np.array([1, 1.5, 1.5, 1, 0.8, -0.7], np.float32)  # to a standard deviation near 0.5, + left


@dataclass
class Lesson:
    """B moments. observation: uint8 (B, size, size, stack); values: float32 (B, actions), the return of each action;
    facts: float32 (B, facts), what the simulator knows and the picture shows, + left; road: int8 (B, CELLS, CELLS),
    how far left of the road's centre each part of the newest picture lies, +-127 is MOST_ACROSS, or UNKNOWN."""

    observation: np.ndarray
    values: np.ndarray
    facts: np.ndarray
    road: np.ndarray

    def mirror(self, which: np.ndarray, mirrored_action: np.ndarray) -> None:
        """Turn these moments, bool (B,), into those of a left-right mirrored world, in place."""
        for index in np.flatnonzero(which):
            cv2.flip(self.observation[index], 1, dst=self.observation[index])
        self.values[which] = self.values[which][:, mirrored_action]
        self.facts[which] *= -1
        turned = self.road[which][:, :, ::-1]
        self.road[which] = np.where(turned == UNKNOWN, UNKNOWN, -turned)


class Practice:
    """The last `steps` steps of `cars` cars, in memory that the driving process fills; a context, while it drives."""

    def __init__(self, contract: Contract, table: Table, cars: int, steps: int, seed: int) -> None:
        size, _, self._stack = contract.observation.shape
        self._steps, self._cars, self._rng = steps, cars, np.random.default_rng(seed)
        self._memory = (
            RawArray(ctypes.c_uint8, steps * cars * size * size),
            RawArray(ctypes.c_float, steps * cars * len(contract.actions)),
            RawArray(ctypes.c_float, steps * cars * len(FACTS)),
            RawArray(ctypes.c_int8, steps * cars * CELLS * CELLS),
            RawArray(ctypes.c_int32, steps * cars),
        )
        self._arrays = _arrays(self._memory, contract, steps, cars)
        self._advice, self._advised = RawArray(ctypes.c_double, 2 * cars), 0  # steering of all cars, throttle of all
        self._advice[cars:] = [contract.actions.throttle[0]] * cars
        self._done, self._ended = RawValue(ctypes.c_int64, 0), RawValue(ctypes.c_bool, False)
        self._process = multiprocessing.get_context("spawn").Process(
            target=_drive,
            args=(contract, table, cars, steps, seed, self._memory, self._advice, self._done, self._ended),
            daemon=True,
        )

    def __enter__(self) -> "Practice":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.value = True
        self._process.join(10)
        self._process.kill()

    @property
    def frames(self) -> int:
        """Seen so far, of all cars together."""
        return int(self._done.value) * self._cars

    @property
    def alive(self) -> bool:
        """Whether the process still drives."""
        return self._process.is_alive()

    def draw(self, count: int, every: int = VALUED_EVERY) -> Lesson:
        """`count` moments out of the memory, with replacement. every: steps, a multiple of VALUED_EVERY; what lies
        between is not drawn."""
        views, values, facts, road, age = self._arrays
        newest = self._done.value  # slots from here on may be in the writing
        oldest = max(0, newest - self._steps + self._stack + 1)
        valued = self._rng.integers(-(-oldest // every), -(-newest // every), count) * every
        slot, car = valued % self._steps, self._rng.integers(0, self._cars, count)
        return Lesson(stacked(views, age, slot, car, self._stack), values[slot, car], facts[slot, car], road[slot, car])

    def advise(self, choose: Callable[[np.ndarray], Decisions]) -> None:
        """Where there are new pictures, tell the driving process what the policy does there.

        choose: uint8 (cars, size, size, stack) -> of as many cars.
        """
        views, *_, age = self._arrays
        done = self._done.value
        if done > self._advised:
            every = np.arange(self._cars)
            newest = np.full(self._cars, (done - 1) % self._steps)
            decided = choose(stacked(views, age, newest, every, self._stack))
            self._advice[:] = np.concatenate([decided.steering, decided.throttle])
            self._advised = done

    def frames_for_calibration(self, count: int) -> np.ndarray:
        """`count` observations, uint8 (count, size, size, stack)."""
        return self.draw(count).observation


def _arrays(memory: tuple[Any, ...], contract: Contract, steps: int, cars: int) -> tuple[np.ndarray, ...]:
    size = contract.observation.size
    shapes = ((size, size), (len(contract.actions),), (len(FACTS),), (CELLS, CELLS), ())
    return tuple(
        np.frombuffer(part, part._type_).reshape(steps, cars, *shape)
        for part, shape in zip(memory, shapes, strict=True)
    )


def _drive(
    contract: Contract,
    table: Table,
    cars: int,
    steps: int,
    seed: int,
    memory: tuple[Any, ...],
    advice: Any,
    done: Any,
    ended: Any,
) -> None:
    """The process: drives until it is told to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's, which then ends this process
    cv2.setNumThreads(1)
    views, values, told, road, age = _arrays(memory, contract, steps, cars)
    rng, spec = np.random.default_rng(seed), contract.observation
    simulator = Simulator(cars, table, seed, spec)
    levels = np.array(contract.actions.throttle)
    throttle, pace = rng.choice(levels, cars), np.ones(cars)
    looks_m, errs = rng.choice(LOOKAHEADS_M, cars), rng.uniform(0, MOST_ERROR, cars)
    by_policy = rng.uniform(size=cars) < POLICY_SHARE
    error, pushed = np.zeros((2, cars))
    push_left, rescue_left, steps_here = np.zeros((3, cars), int)
    stays = rng.integers(1, DRIVEN_STEPS, cars)
    while not ended.value and multiprocessing.parent_process().is_alive():
        slot = done.value % steps
        if done.value % VALUED_EVERY == 0:
            values[slot] = rolled_out_values(simulator, contract.actions, contract.actions.turns_rad_per_m)
            told[slot] = facts(simulator)
        age[slot] = steps_here
        for car in range(cars):
            views[slot, car] = shrink(simulator.road(car), spec)
            if done.value % VALUED_EVERY == 0:
                road[slot, car] = road_told(simulator, car)
        done.value += 1

        error = 0.85 * error + 0.53 * errs * rng.standard_normal(cars)
        push = (push_left <= 0) & (rng.uniform(size=cars) < PUSH_SHARE)
        push_left = np.where(push, rng.integers(4, 12, cars), push_left - 1)
        pushed = np.where(push, rng.uniform(-1, 1, cars), pushed)
        # What the policy says is of the picture before this one, or of an older one where the trainer is busy: so late
        # it is in slow cars too.
        policys = by_policy & (rescue_left <= 0)
        steering = np.where(policys, advice[:cars], pure_pursuit(simulator, looks_m) + error)
        throttle = np.where(rng.uniform(size=cars) < NEW_THROTTLE_SHARE, rng.choice(levels, cars), throttle)
        throttle = np.where(rescue_left > 0, levels[0], throttle)
        state = simulator.step(
            np.where(push_left > 0, pushed, steering), pace * np.where(policys, advice[cars:], throttle)
        )
        steps_here += 1
        astray = np.abs(state.offset_m) / state.half_width_m
        rescue_left = np.where(astray > RESCUE, RESCUE_STEPS, rescue_left - 1)
        leaving = (steps_here >= stays) | (astray > LEFT)
        if leaving.any():
            cars_leaving = np.flatnonzero(leaving)
            simulator.reset(*cars_leaving.tolist())
            steps_here[leaving] = error[leaving] = push_left[leaving] = rescue_left[leaving] = 0
            looks_m[leaving] = rng.choice(LOOKAHEADS_M, len(cars_leaving))
            errs[leaving] = rng.uniform(0, MOST_ERROR, len(cars_leaving))
            by_policy[leaving] = rng.uniform(size=len(cars_leaving)) < POLICY_SHARE
            about = np.where(by_policy[leaving], WORLD_STEPS, DRIVEN_STEPS)
            stays[leaving] = rng.uniform(0.5, 1.5, len(cars_leaving)) * about
            pace[leaving] = rng.uniform(0.6, 1.1, len(cars_leaving))  # slower and a little faster than it will be


def facts(simulator: Simulator) -> np.ndarray:
    """float32 (n, facts)."""
    state = simulator.state
    bends = [simulator.road_turn(ahead_m) for ahead_m in AHEAD_M]
    told = [state.offset_m / state.half_width_m, state.heading_error_rad, *bends, simulator.bicycles.steering]
    return np.stack(told, axis=1).astype(np.float32) * FACT_SCALE


def road_told(simulator: Simulator, car: int) -> np.ndarray:
    """Where on the road each part of the picture lies, as a Lesson has it: int8 (CELLS, CELLS)."""
    across = np.clip(simulator.road_seen(car, CELLS) / MOST_ACROSS, -1, 1)
    return np.where(np.isnan(across), UNKNOWN, np.round(127 * across)).astype(np.int8)
