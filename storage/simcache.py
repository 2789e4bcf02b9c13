"""A SimCache file: some hundred transitions of one car, state, action, new state, reward, done and infos, as one npz.

Each picture is there once. A state is a stack of them: row `at` and those before it of the same episode; the new state
is the stack one row later. `numpy.load` opens the file; here it is read as one that may come from anyone.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from errors import UserError
from storage.npz import NpzError, pack, unpack

SUFFIX = ".npz"
MOST_BYTES = 256_000_000  # of a file, packed and unpacked
REMEDY = "remove it, or copy it again from where it was made"
_INFO = "info."
_COLUMNS = {
    "views": "u1",
    "age": "i4",
    "at": "i4",
    "action": "i4",
    "reward": "f4",
    "terminated": "b1",
    "truncated": "b1",
}
_Words = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]  # shown on terminals


class SimCacheError(UserError):
    """A SimCache file cannot be used. The message is one line: the cause and the remedy."""


class Facts(BaseModel):
    """What a file says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    version: Literal[1] = 1
    observation: dict[str, JsonValue]  # the contract's, by which the pictures were made
    actions: dict[str, JsonValue]  # the contract's table, which says what an action's number means
    stack: Annotated[int, Field(ge=1, le=8)]  # pictures in a state
    source: _Words  # what was recorded
    rewards: _Words  # what they mean
    recording: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,79}$")]  # all of one car's files have it
    number: Annotated[int, Field(ge=0, lt=1_000_000)]  # of the file in the recording


@dataclass(frozen=True)
class Transitions:
    """The content of a file: t transitions over v pictures.

    views: uint8 (v, size, size). age: int32 (v,), steps since the first picture of its episode, which stands for those
    that are missing before it. at: int32 (t,), ascending, the newest picture of the state; at + 1 is that of the new
    state. action: int32 (t,). reward: float32 (t,). terminated, truncated: bool (t,). infos: float32 (t,) each, as they
    were after the step.
    """

    facts: Facts
    views: np.ndarray
    age: np.ndarray
    at: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    infos: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.at)

    def encode(self) -> tuple[str, bytes]:
        """The file's name, which tells its content, and its content."""
        columns = {name: getattr(self, name) for name in _COLUMNS}
        infos = {_INFO + name: values for name, values in self.infos.items()}
        facts = np.frombuffer(self.facts.model_dump_json().encode(), np.uint8)
        content = pack({"facts": facts, **columns, **infos})
        return f"{self.facts.recording}-{self.facts.number:06d}-{digest(content)}{SUFFIX}", content


def digest(content: bytes) -> str:
    """The end of the name of a file with this content: whoever has two files of one name has one file twice."""
    return hashlib.sha256(content).hexdigest()[:16]


def new_recording(now: datetime) -> str:
    """A name for a recording that no other has."""
    return f"{now:%Y-%m-%d-%H%M%S}-{secrets.token_hex(3)}"


def decode(content: bytes, name: str) -> Transitions:
    """The content of a file. Raises SimCacheError, which names the file, where it is broken or contradicts itself."""
    try:
        arrays = unpack(content, MOST_BYTES)
        facts = Facts.model_validate_json(arrays.pop("facts").tobytes())
        columns = {column: arrays.pop(column) for column in _COLUMNS}
        for column, values in columns.items():
            if values.dtype.str[1:] != _COLUMNS[column]:
                raise NpzError(f"{column} is of the type {values.dtype}")
        infos = {info.removeprefix(_INFO): values for info, values in arrays.items()}
        if any(not info.startswith(_INFO) or not info.isprintable() or len(info) > 40 for info in arrays):
            raise NpzError("it has an array that belongs to no SimCache file")
        transitions = Transitions(facts, **columns, infos=infos)
        _check(transitions)
    except KeyError as error:
        raise SimCacheError(f"{name} is no SimCache file: it has no {error}; {REMEDY}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))[:80]
        raise SimCacheError(f"{name} is no SimCache file: facts: {where}: {first['msg']}; {REMEDY}") from error
    except NpzError as error:
        raise SimCacheError(f"{name} cannot be used: {error}; {REMEDY}") from error
    return transitions


def _check(it: Transitions) -> None:
    """Raises NpzError, in words, where something does not fit together."""

    def must(fits: bool | np.bool_, else_: str) -> None:
        if not fits:
            raise NpzError(else_)

    of_steps = (it.at, it.action, it.reward, it.terminated, it.truncated, *it.infos.values())
    must(it.views.ndim == 3 and it.views.shape[1] == it.views.shape[2], "its pictures are not square")
    must(it.age.shape == it.views.shape[:1], "it has not as many pictures as it says")
    must(it.at.ndim == 1 and it.at.size > 0, "it has no steps")
    must(all(values.shape == it.at.shape for values in of_steps), "its columns are of different lengths")
    must(all(values.dtype == np.float32 for values in it.infos.values()), "its infos are not float32")
    must(all(np.isfinite(values).all() for values in (it.reward, *it.infos.values())), "it has a NaN or an infinity")
    must(it.action.min() >= 0, "it has an action that no table has")
    at, age = it.at.astype(np.int64), it.age.astype(np.int64)
    must(at[0] >= 0 and at[-1] < len(age) - 1 and (np.diff(at) > 0).all(), "its steps go to pictures that it has not")
    for back in range(-1, it.facts.stack):
        seen = at[age[at] >= back]  # the states with a picture so far back
        must((seen >= back).all(), "it lacks a picture of a state")
        must((age[seen - back] == age[seen] - back).all(), "a state is not of one episode")
    must((age >= 0).all(), "it has a picture from before its episode")
    over = (it.terminated | it.truncated)[:-1]
    must((at[1:] != at[:-1] + 1)[over].all(), "an episode goes on after its end")
