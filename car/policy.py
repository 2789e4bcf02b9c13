"""The part that decides: observation in, action out."""

import math
import time

import numpy as np

from calibration.car_file import VehicleCalibration
from car.handover import Handover
from models.arc import same_arc
from models.decision import Decisions, decide
from models.folder import Model


class Policy:
    """The part around the model that decides now, and `decide`; remembers the policy's last steering.

    constant_throttle: instead of the policy's, -1 .. +1. vehicle: as it was measured; then it goes the arcs that the
    policy means, where the policy's contract says which.
    """

    def __init__(
        self, handover: Handover, constant_throttle: float | None = None, vehicle: VehicleCalibration | None = None
    ) -> None:
        self._handover, self._constant_throttle, self._vehicle = handover, constant_throttle, vehicle
        self._steering = 0.0

    def run(
        self, observation: np.ndarray, last_throttle: float | None = None, mode: str = "user"
    ) -> tuple[int, float, float, np.ndarray, float, Model]:
        """observation: uint8 (size, size, stack); last_throttle: of the last command; mode: who drives.

        Returns action, steering, throttle, advantages float32 (actions,), inference_ms, and the model that decided.
        """
        model = self._handover.next(last_throttle)
        try:
            decided, advantages, inference_ms, took_ms = self._decide(model, observation)
        except Exception as error:
            if self._handover.before is None:
                raise
            model = self._handover.give_back(f"{type(error).__name__}: {error}")  # which decides on the same frame
            decided, advantages, inference_ms, took_ms = self._decide(model, observation)
        self._handover.decided(took_ms, driving=mode != "user" and bool(last_throttle))
        self._steering = float(decided.steering[0])
        throttle = decided.throttle[0] if self._constant_throttle is None else self._constant_throttle
        steering = self._in_this_car(self._steering, model)
        return int(decided.action[0]), steering, float(throttle), advantages, inference_ms, model

    def _in_this_car(self, steering: float, model: Model) -> float:
        turns_rad_per_m, vehicle = model.contract.actions.turns_rad_per_m, self._vehicle
        if turns_rad_per_m is None or vehicle is None:
            return steering
        locks_rad = math.radians(vehicle.left_lock_deg), math.radians(vehicle.right_lock_deg)
        return float(same_arc(steering, turns_rad_per_m, vehicle.wheelbase_m, *locks_rad))

    def _decide(self, model: Model, observation: np.ndarray) -> tuple[Decisions, np.ndarray, float, float]:
        """The decision, its advantages, and how long they took: milliseconds by the clock, and of the processor."""
        started_s, started_cpu_s = time.perf_counter(), time.thread_time()
        advantages = model.policy.advantages(observation)
        took_s, took_cpu_s = time.perf_counter() - started_s, time.thread_time() - started_cpu_s
        decided = decide(advantages[None], model.contract.actions, np.array([self._steering]))
        return decided, advantages, 1000 * took_s, 1000 * took_cpu_s
