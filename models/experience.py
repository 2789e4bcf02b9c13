"""What a car lived through, as transitions to learn from; and whether recorded ones are those of a contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from models.contract import ActionTable, Contract
from storage.simcache import REMEDY, Facts, SimCacheError, Transitions
from storage.simcache_writer import SimCacheWriter

ALIVE = "nobody knew them: +1 for each step, -1 at a cut or a change of mode"
LEAST_THROTTLE = 0.01  # a car with less of it stands, which teaches nothing about the road


@dataclass(frozen=True)
class Outcome:
    """What came of an action, by one who sees the road."""

    reward: float
    terminated: bool
    last_view: NDArray[np.uint8] | None = (
        None  # where it was terminated: the last picture, if the car stands elsewhere now
    )
    infos: Mapping[str, float] = field(default_factory=dict)


def facts(contract: Contract, *, source: str, rewards: str, recording: str) -> Facts:
    """Of the first file of a recording."""
    return Facts(
        observation=contract.observation.model_dump(mode="json"),
        actions=contract.actions.model_dump(mode="json"),
        stack=contract.observation.stack,
        source=source,
        rewards=rewards,
        recording=recording,
        number=0,
    )


def check_fits(transitions: Transitions, contract: Contract, name: str) -> None:
    """Raises SimCacheError, which names the file and what differs, where it was recorded for another contract.

    How actions become a command (`decoding`) may differ: it is no matter of what was done.
    """
    wanted, told = contract.model_dump(mode="json"), transitions.facts
    for of, keys, found, expected in (
        (
            "observation",
            told.observation.keys() | wanted["observation"].keys(),
            told.observation,
            wanted["observation"],
        ),
        ("actions", ("steering", "throttle"), told.actions, wanted["actions"]),
    ):
        for key in sorted(keys):
            if found.get(key) != expected.get(key):
                raise SimCacheError(
                    f"{name} was recorded for another contract: {of}.{key[:40]} is {_short(found.get(key))} there, and "
                    f"{_short(expected.get(key))} here; leave it out"
                )
    size = contract.observation.size
    if transitions.views.shape[1:] != (size, size) or transitions.action.max() >= len(contract.actions):
        raise SimCacheError(f"{name} does not keep to the contract that it tells; {REMEDY}")


def contract_of(told: Facts, name: str) -> Contract:
    """The contract that a file was recorded for. Raises SimCacheError, which names the file, where it tells none."""
    try:
        return Contract.model_validate({"observation": told.observation, "actions": told.actions})
    except ValidationError as error:
        raise SimCacheError(f"{name} tells of no contract that there could be; {REMEDY}") from error


def _short(value: object) -> str:
    """Of a file's own words, one line that a terminal bears."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def nearest_action(actions: ActionTable, steering: float, throttle: float) -> int:
    """The action whose steering is nearest to this one; of those, the one whose throttle is."""
    commands = np.array([actions.decode(action) for action in range(len(actions))])
    away = np.abs(commands - (steering, throttle))
    return int(np.lexsort((away[:, 1], away[:, 0]))[0])


class Episodes:
    """One car's control periods, one after the other, as episodes of transitions.

    A car that stands is not recorded: its episode ends, cut short. Where no one judges, the rewards are those of ALIVE.
    """

    def __init__(self, writer: SimCacheWriter, actions: ActionTable) -> None:
        self._writer, self._actions = writer, actions
        self._held: tuple[int, dict[str, float], str] | None = None  # action, infos, mode: nothing came of it yet

    def see(
        self, view: NDArray[np.uint8], steering: float, throttle: float, mode: str, outcome: Outcome | None = None
    ) -> None:
        """A control period: the newest grey view, uint8 (size, size), and the command that it was answered with.

        outcome: of the command before; None where nobody knows.
        """
        goes_on = False
        if self._held is not None:
            action, infos, before = self._held
            if outcome is None:
                outcome = Outcome(-1.0, True) if mode != before else Outcome(1.0, False)
            new_view = view if outcome.last_view is None else outcome.last_view
            self._writer.add(action, outcome.reward, outcome.terminated, False, new_view, {**infos, **outcome.infos})
            goes_on = not outcome.terminated
        if throttle < LEAST_THROTTLE:
            self.rest()
            return
        if not goes_on:
            self._writer.begin(view)
        told = {"steering": steering, "throttle": throttle, "by_person": float(mode == "user")}
        self._held = nearest_action(self._actions, steering, throttle), told, mode

    def rest(self) -> None:
        """Nothing comes of the last command: the car stands, or is not recorded any more."""
        self._writer.end()
        self._held = None

    def cut(self) -> None:
        """What follows is another time or place, and nobody knows why: as if the car had left the road."""
        self._writer.end(-1.0, terminated=True)
        self._held = None
