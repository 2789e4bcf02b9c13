"""Replay memory: single uint8 frames, stacked by index when sampled, 4 KB a step instead of 32.

One ring per car. Slot t of a ring holds what the car saw at its step t, the action it chose then, and what came of it:
the reward and whether the episode was terminated or truncated there. The last picture of an episode has a slot of its
own, so that a truncated episode can be bootstrapped from what was really seen; nothing is learnt from acting in it.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from storage.simcache import Transitions


@dataclass
class Batch:
    """B transitions over up to n steps.

    observation, next_observation: uint8 (B, size, size, stack); action: int32 (B,); reward: float32 (B,), discounted
    sum; discount: float32 (B,), gamma^steps, 0 where the episode terminated.
    """

    observation: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    discount: np.ndarray
    next_observation: np.ndarray

    def mirror(self, which: np.ndarray, mirrored_action: np.ndarray) -> None:
        """Turn these transitions, bool (B,), into those of a left-right mirrored world, in place: pictures flipped at
        both ends, actions swapped by the table mirrored_action, int (actions,)."""
        for index in np.flatnonzero(which):
            for pictures in (self.observation, self.next_observation):
                cv2.flip(pictures[index], 1, dst=pictures[index])
        self.action = np.where(which, mirrored_action[self.action], self.action).astype(np.int32)


class Replay:
    """The last `capacity` frames of `cars` cars, sampled uniformly."""

    def __init__(self, capacity: int, cars: int, shape: tuple[int, int, int], seed: int) -> None:
        """shape: of an observation, (size, size, stack)."""
        self._length = capacity // cars
        size, _, self._stack = shape
        self._views = np.zeros((self._length, cars, size, size), np.uint8)
        self._action = np.zeros((self._length, cars), np.int32)
        self._reward = np.zeros((self._length, cars), np.float32)
        self._terminated = np.zeros((self._length, cars), bool)
        self._ended = np.zeros((self._length, cars), bool)  # this step's outcome was terminal or cut
        self._age = np.zeros((self._length, cars), np.int32)  # steps since the episode's first frame
        self._final = np.zeros((self._length, cars), bool)  # no action was taken, as on the last picture of an episode
        self._added = 0
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return min(self._added, self._length) * self._views.shape[1]

    def add(
        self, view: np.ndarray, action: np.ndarray, reward: np.ndarray, terminated: np.ndarray, truncated: np.ndarray
    ) -> None:
        """One step of all cars: the newest grey view they acted on, uint8 (cars, size, size), and its outcome, (cars,).

        In the step after an episode's end (Gymnasium's NEXT_STEP), the view is the episode's last and the rest is void.
        """
        slot, before = self._added % self._length, (self._added - 1) % self._length
        first = self._final[before] if self._added else np.ones(len(action), bool)
        self._views[slot], self._action[slot], self._reward[slot] = view, action, reward
        self._terminated[slot], self._ended[slot] = terminated, terminated | truncated
        self._age[slot] = np.where(first, 0, self._age[before] + 1)
        self._final[slot] = self._ended[before] if self._added else False
        self._added += 1

    def extend(self, transitions: Transitions) -> None:
        """The content of a SimCache file, at most `capacity` pictures, into a memory of one car. Where the file breaks
        off, an episode does not end: what it leads to is bootstrapped from its last picture."""
        slots = (self._added + np.arange(len(transitions.views))) % self._length
        acted = slots[transitions.at]
        self._views[slots, 0], self._age[slots, 0], self._final[slots, 0] = transitions.views, transitions.age, True
        self._final[acted, 0] = False
        self._action[acted, 0], self._reward[acted, 0] = transitions.action, transitions.reward
        self._terminated[acted, 0] = transitions.terminated
        self._ended[acted, 0] = np.append(np.diff(transitions.at) > 1, True) | transitions.terminated
        self._added += len(slots)

    def cut(self) -> None:
        """All episodes end here, though nothing ended them: the next views are their last ones."""
        if self._added:
            self._ended[(self._added - 1) % self._length] = True

    def sample(self, batch: int, n_step: int, gamma: float) -> Batch:
        """`batch` transitions, drawn with replacement. Needs more than n_step + stack steps in memory."""
        slot, car = self._starts(batch, n_step)
        reward = np.zeros(batch, np.float32)
        discount = np.ones(batch, np.float32)
        alive = np.ones(batch, bool)  # the episode has not ended before this step
        end = slot.copy()
        for step in range(n_step):
            now = (slot + step) % self._length
            reward += np.where(alive, discount * self._reward[now, car], 0)
            discount = np.where(alive, discount * gamma, discount).astype(np.float32)
            end = np.where(alive, (now + 1) % self._length, end)
            discount[alive & self._terminated[now, car]] = 0
            alive &= ~self._ended[now, car]
        return Batch(
            self._observation(slot, car), self._action[slot, car], reward, discount, self._observation(end, car)
        )

    def frames_for_calibration(self, count: int) -> np.ndarray:
        """About `count` observations, uint8 (n, size, size, stack), shuffled, balanced over the actions taken.

        So hard bends count as much as straights when int8's ranges are chosen.
        """
        slots, cars = self._starts(20 * count, n_step=1)
        action = self._action[slots, cars]
        actions = np.unique(action)
        chosen = np.concatenate([np.flatnonzero(action == one)[: count // len(actions)] for one in actions])
        chosen = self._rng.permutation(chosen)
        return self._observation(slots[chosen], cars[chosen])

    def _starts(self, count: int, n_step: int) -> tuple[np.ndarray, np.ndarray]:
        """Slots and cars to start from: n steps must follow and a stack precede in memory, and an action was taken."""
        oldest = max(0, self._added - self._length) + (self._stack if self._added > self._length else 0)
        newest = self._added - n_step - 1
        if newest < oldest:
            raise ValueError(f"{self._added} steps in memory are too few to sample {n_step}-step transitions")
        slots, cars = np.empty((2, 0), int)
        while len(slots) < count:
            slot = self._rng.integers(oldest, newest + 1, count) % self._length
            car = self._rng.integers(0, self._views.shape[1], count)
            acted = ~self._final[slot, car]
            slots, cars = np.concatenate([slots, slot[acted]]), np.concatenate([cars, car[acted]])
        return slots[:count], cars[:count]

    def _observation(self, slot: np.ndarray, car: np.ndarray) -> np.ndarray:
        return stacked(self._views, self._age, slot, car, self._stack)


def stacked(views: np.ndarray, age: np.ndarray, slot: np.ndarray, car: np.ndarray, stack: int) -> np.ndarray:
    """Observations, uint8 (n, size, size, stack), out of rings of single views, uint8 (slots, cars, size, size).

    slot, car: int (n,). age: int (slots, cars), steps since the episode's first frame; before that one it stands for
    those that are missing, as on the car.
    """
    back = np.minimum(np.arange(stack - 1, -1, -1), age[slot, car][:, None])
    slots = (slot[:, None] - back) % len(views)
    observations = np.empty((len(slot), *views.shape[2:], stack), np.uint8)
    for observation, of_stack, of_car in zip(observations, slots.tolist(), car.tolist(), strict=True):
        cv2.merge([views[one, of_car] for one in of_stack], dst=observation)  # 5 times faster than transpose
    return observations
