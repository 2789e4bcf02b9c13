"""The part that decides: observation in, action out."""

import time

import numpy as np

from models.contract import Contract
from models.runtime import TFLitePolicy


class Policy:
    """The action with the largest advantage; where several are equal, the one nearest to the last steering."""

    def __init__(self, policy: TFLitePolicy, contract: Contract) -> None:
        self._policy, self._contract = policy, contract
        self._steering = 0.0
        self._bins = np.array([contract.actions.decode(action)[0] for action in range(len(contract.actions))])

    def run(self, observation: np.ndarray) -> tuple[int, float, float, np.ndarray, float]:
        """uint8 (size, size, stack) -> action, steering, throttle, advantages float32 (actions,), inference_ms."""
        started = time.perf_counter()
        advantages = self._policy.advantages(observation)
        inference_ms = 1000 * (time.perf_counter() - started)
        best = np.flatnonzero(advantages == advantages.max())
        if not len(best):  # NaN equals nothing, not even itself
            raise ValueError("the policy's advantages are not numbers")
        action = int(best[np.abs(self._bins[best] - self._steering).argmin()])
        self._steering, throttle = self._contract.actions.decode(action)
        return action, self._steering, throttle, advantages, inference_ms
