"""Records all that the cars of a vector environment live through, as SimCache files."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np

from models.contract import Contract
from models.experience import facts
from storage.simcache import Transitions, new_recording
from storage.simcache_writer import SimCacheWriter


class EnvRecorder:
    """A writer for each car. Told all that `env.reset` and `env.step` say, in Gymnasium's NEXT_STEP mode."""

    def __init__(
        self,
        contract: Contract,
        cars: int,
        size: int,
        put: Callable[[Transitions], object],
        *,
        source: str,
        rewards: str,
    ) -> None:
        """size: transitions in a file. source, rewards: as in the file's facts."""
        recording = new_recording(datetime.now(UTC))
        self._writers = [
            SimCacheWriter(
                facts(contract, source=source, rewards=rewards, recording=f"{recording}-{car:03d}"), size, put
            )
            for car in range(cars)
        ]
        self._over = np.zeros(cars, bool)

    def begin(self, observation: np.ndarray) -> None:
        """uint8 (cars, size, size, stack), the first of all cars' episodes."""
        for writer, seen in zip(self._writers, observation, strict=True):
            writer.begin(seen[..., -1])

    def add(
        self,
        action: np.ndarray,
        reward: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
        next_observation: np.ndarray,
        infos: Mapping[str, np.ndarray],
    ) -> None:
        """What came of the cars' actions, (cars,) each; next_observation uint8 (cars, size, size, stack)."""
        for car, (writer, over) in enumerate(zip(self._writers, self._over.tolist(), strict=True)):
            view = next_observation[car, ..., -1]
            if over:
                writer.begin(view)
            else:
                outcome = int(action[car]), float(reward[car]), bool(terminated[car]), bool(truncated[car])
                writer.add(*outcome, view, {name: float(values[car]) for name, values in infos.items()})
        self._over = terminated | truncated

    def cut(self) -> None:
        """All cars begin anew with the next step, though nothing ended their episodes."""
        self._over[:] = True

    @property
    def added(self) -> int:
        """Transitions so far."""
        return sum(writer.added for writer in self._writers)

    def close(self) -> None:
        """Hand over what is in hand."""
        for writer in self._writers:
            writer.close()


class NoRecorder:
    """Nothing is recorded."""

    def begin(self, observation: np.ndarray) -> None:
        pass

    def add(self, *step: object) -> None:
        pass

    def cut(self) -> None:
        pass

    def close(self) -> None:
        pass
