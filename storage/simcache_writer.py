"""Collects one car's transitions into SimCache files of a given size."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from storage.simcache import Facts, Transitions


class SimCacheWriter:
    """Episode after episode: `begin` with a picture, `add` what came of each action, `end` where it was left.

    `put` gets `size` transitions at a time, as soon as there is one more, for until then the last may yet be cut short.
    Not for several threads at once.
    """

    def __init__(self, facts: Facts, size: int, put: Callable[[Transitions], object]) -> None:
        """facts: of the first file."""
        self._facts, self._size, self._put = facts, size, put
        self._views: list[NDArray[np.uint8]] = []
        self._age: list[int] = []
        self._at: list[int] = []
        self._rows: list[tuple[int, float, bool, bool]] = []  # action, reward, terminated, truncated
        self._infos: list[Mapping[str, float]] = []
        self._goes_on = False
        self.added = 0  # transitions

    def begin(self, view: NDArray[np.uint8]) -> None:
        """The first picture of an episode, uint8 (size, size). One that has not ended is cut short there."""
        self.end()
        if self._age and self._at[-1:] != [len(self._age) - 2]:  # begun, and nothing came of it
            self._views.pop()
            self._age.pop()
        if len(self._at) == self._size:
            self._hand_over()
        self._views.append(view.copy())
        self._age.append(0)
        self._goes_on = True

    def add(
        self,
        action: int,
        reward: float,
        terminated: bool,
        truncated: bool,
        new_view: NDArray[np.uint8],
        infos: Mapping[str, float],
    ) -> None:
        """What came of an action: new_view is the newest picture of the new state, uint8 (size, size).

        infos: of the same names each time. Needs an episode that was begun and has not ended.
        """
        if not self._goes_on:
            raise ValueError("an episode has to begin before something comes of an action")
        if len(self._at) == self._size:
            self._hand_over()
        self.added += 1
        self._at.append(len(self._age) - 1)
        self._rows.append((action, reward, terminated, truncated))
        self._infos.append(dict(infos))
        self._views.append(new_view.copy())
        self._age.append(self._age[-1] + 1)
        self._goes_on = not (terminated or truncated)

    def end(self, reward: float | None = None, *, terminated: bool = False) -> None:
        """The episode is left: its last transition was cut short, or terminated; with a reward, it gets that one.

        Nothing happens where no episode goes on, or nothing was added to it since.
        """
        if self._goes_on and self._at[-1:] == [len(self._age) - 2]:
            action, before, _, _ = self._rows[-1]
            self._rows[-1] = (action, before if reward is None else reward, terminated, not terminated)
        self._goes_on = False

    def take_back(self, count: int) -> None:
        """Forget the last `count` transitions, those handed over excepted. The episode ends before them."""
        for _ in range(min(count, len(self._at))):
            self.added -= 1
            for column in (self._at, self._rows, self._infos):
                column.pop()
        self._goes_on = bool(self._at)
        left = self._at[-1] + 2 if self._at else 0
        self._views, self._age = self._views[:left], self._age[:left]
        self.end()

    def close(self) -> None:
        """Hand over what there is."""
        self.end()
        if self._at:
            self._hand_over()

    def _hand_over(self) -> None:
        action, reward, terminated, truncated = zip(*self._rows, strict=True)
        infos = {name: np.array([one[name] for one in self._infos], np.float32) for name in self._infos[0]}
        self._put(
            Transitions(
                facts=self._facts,
                views=np.stack(self._views),
                age=np.array(self._age, np.int32),
                at=np.array(self._at, np.int32),
                action=np.array(action, np.int32),
                reward=np.array(reward, np.float32),
                terminated=np.array(terminated, bool),
                truncated=np.array(truncated, bool),
                infos=infos,
            )
        )
        self._facts = self._facts.model_copy(update={"number": self._facts.number + 1})
        # The next file begins with the pictures of the state in which this one ends.
        kept = min(self._facts.stack, self._age[-1] + 1) if self._goes_on else 0
        self._views, self._age = self._views[len(self._views) - kept :], self._age[len(self._age) - kept :]
        self._at, self._rows, self._infos = [], [], []
