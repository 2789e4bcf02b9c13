"""The part that decides: observation in, action out."""

import time

import numpy as np

from models.contract import Contract
from models.decision import decide
from models.runtime import TFLitePolicy


class Policy:
    """The part around the model and `decide`; remembers the last steering.

    constant_throttle: instead of the policy's, -1 .. +1.
    """

    def __init__(self, policy: TFLitePolicy, contract: Contract, constant_throttle: float | None = None) -> None:
        self._policy, self._contract, self._constant_throttle = policy, contract, constant_throttle
        self._steering = 0.0

    def run(self, observation: np.ndarray) -> tuple[int, float, float, np.ndarray, float]:
        """uint8 (size, size, stack) -> action, steering, throttle, advantages float32 (actions,), inference_ms."""
        started = time.perf_counter()
        advantages = self._policy.advantages(observation)
        inference_ms = 1000 * (time.perf_counter() - started)
        decided = decide(advantages[None], self._contract.actions, np.array([self._steering]))
        self._steering = float(decided.steering[0])
        throttle = decided.throttle[0] if self._constant_throttle is None else self._constant_throttle
        return int(decided.action[0]), self._steering, float(throttle), advantages, inference_ms
