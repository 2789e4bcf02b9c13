"""Which model decides. A new one takes over between two decisions, drives on trial, and passes or gives the wheel back.

Memory only: nothing here waits for a disk, a lock or a network. Whoever keeps the disk is told by `events`.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Literal

from errors import UserError
from models.folder import Model
from models.selftest import MOST_OF_PERIOD

STANDING_S = 1.0  # of commands without throttle: so long a car rolls on
TRIAL_S = 30.0  # of driving
MOST_SLOW = 0.01  # of the trial's decisions may take longer than MOST_OF_PERIOD of the control period


class TrialFailed(UserError):
    """The model on trial failed, and the one before it cannot take over while driving."""


@dataclass(frozen=True)
class Event:
    """What became of a model."""

    kind: Literal["taken", "passed", "failed"]
    model: Model
    why: str = ""


class Handover:
    """Everything is counted in decisions, so that it is the same without real time."""

    def __init__(self, model: Model, before: Model | None = None, *, hot: bool = False) -> None:
        """model: decides from the start. before: what it gives way to, where it is on trial; None: it is not.
        hot: an offered model takes over at the next decision, else at the first after the car has stood."""
        self.model = model
        self.events: SimpleQueue[Any] = SimpleQueue()
        self.trips: Callable[[], int] = lambda: 0  # how often a guardian has taken the throttle away
        self._hot = hot
        self._offered: deque[Model] = deque(maxlen=1)  # from another thread
        self._still = 0
        self._before: Model | None = None
        if before is not None:
            self._on_trial(before)

    @property
    def before(self) -> Model | None:
        """What the model on trial gives way to; None where none is on trial."""
        return self._before

    def fits(self, model: Model) -> bool:
        """Whether it sees what the one that decides sees: else frames stacked for the one would be nonsense to it."""
        return model.contract.observation == self.model.contract.observation

    def offer(self, model: Model) -> None:
        """Let it take over as soon as it may; one that was offered before and has not taken over never will. From any
        thread. Raises ValueError where it does not fit."""
        if not self.fits(model):
            raise ValueError(f"{model.folder} sees otherwise than {self.model.folder}")
        self._offered.append(model)

    def withdraw(self) -> None:
        """What was offered and has not taken over never will. From any thread."""
        self._offered.clear()

    def next(self, throttle: float | None) -> Model:
        """The model of this decision. throttle: of the last command."""
        self._still = 0 if throttle else self._still + 1
        if self._offered and (self._hot or self._seconds(self._still) >= STANDING_S):
            with suppress(IndexError):  # withdrawn just now
                self._take(self._offered.popleft())
        return self.model

    def decided(self, took_ms: float, *, driving: bool) -> None:
        """Count a decision of the trial, and end it. took_ms: of the processor's time, so that no model is put back
        for what else runs; driving: the policy has the wheel, and the car moves."""
        if self._before is None:
            return
        if self.trips() > self._trips:
            self.give_back("the guardian stopped the car")
        elif driving:
            period_s = self.model.contract.observation.period_s
            self._decisions += 1
            self._slow += took_ms > 1000 * MOST_OF_PERIOD * period_s
            if self._slow > round(MOST_SLOW * TRIAL_S / period_s):
                self.give_back(f"{self._slow} of {self._decisions} decisions took more than half of their time")
            elif self._seconds(self._decisions) >= TRIAL_S:
                self._before = None
                self.events.put(Event("passed", self.model))

    def give_back(self, why: str) -> Model:
        """The trial has failed; the model that decides from now on. Raises TrialFailed where that sees otherwise."""
        failed, before = self.model, self._before
        assert before is not None  # noqa: S101, only a model on trial gives back
        self._before = None
        self.events.put(Event("failed", failed, why))
        if not self.fits(before):
            raise TrialFailed(f"the model on trial failed ({why}), and was put back; start again")
        self.model = before
        return before

    def _take(self, model: Model) -> None:
        before = self._before or self.model  # of two on trial, one after the other, neither is the way back
        self.model = model
        self._on_trial(before)
        self.events.put(Event("taken", model))

    def _on_trial(self, before: Model) -> None:
        self._before = before
        self._decisions, self._slow, self._trips = 0, 0, self.trips()

    def _seconds(self, decisions: int) -> float:
        return decisions * self.model.contract.observation.period_s
