"""What a run reads and writes beside its own folder: recordings and weights, in folders or in S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console

from errors import UserError
from models.contract import Contract
from settings import Settings
from storage.npz import NpzError, pack, unpack
from storage.outbox import Outbox, open_outbox
from storage.place import open_place
from storage.simcache import SUFFIX, digest
from storage.simcache_library import Library, open_library
from trainer.checkpoint import load_best
from trainer.env_recorder import EnvRecorder, NoRecorder
from trainer.hyperparameters import Hyperparameters
from trainer.learner import Learner
from trainer.progress import Progress

SAVED = "saved"  # in the run's folder
LONGEST_SENDING_S = 60.0  # at the end of a run
MOST_WEIGHTS_BYTES = 64_000_000


class Places(BaseModel):
    """Paths, or s3:// addresses; in a run's settings.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    simcache: str | None = None  # learn from these recordings, in place of a simulator
    simcache_out: str | None = None  # record all that the cars live through
    load: str | None = None  # begin with these weights: a run's best, or a saved file
    save_every: int = Field(0, ge=0)  # episodes from one saved file of weights to the next; 0: none
    save_to: str | None = None  # where; None: in the run's folder

    def check(self, hyperparameters: Hyperparameters) -> None:
        """Raises UserError where one asks for what another rules out."""
        asks_simulator = hyperparameters.values == "rolled_out"
        if self.simcache and asks_simulator:
            raise UserError(
                "--simcache learns without a simulator, and --values rolled_out asks it; leave one of them out"
            )
        if (self.simcache or asks_simulator) and (self.simcache_out or self.save_every):
            raise UserError(
                "--simcache-out and --save-every go by episodes of double DQN in a simulator; leave them out, or "
                "--simcache and --values rolled_out"
            )
        if self.save_to and not self.save_every:
            raise UserError("--save-to says where; say how often too, with --save-every")

    @property
    def options(self) -> list[str]:
        """As they are typed."""
        given = ((name, value) for name, value in self if value)
        return [word for name, value in given for word in (f"--{name.replace('_', '-')}", str(value))]


class OpenPlaces:
    """The places of a run while it trains."""

    def __init__(self, places: Places, run: Path, car: Path, settings: Settings) -> None:
        """car: the folder in which queues and caches are. Raises UserError where a place cannot be used."""
        self._places, self._run, self._car, self._settings = places, run, car, settings
        self.library = self._library() if places.simcache else None
        self._recording = self._outbox(places.simcache_out) if places.simcache_out else None
        self._saving = self._outbox(places.save_to or str(run / SAVED)) if places.save_every else None
        self._saved_at: int | None = None  # episodes

    def recorder(self, contract: Contract, hyperparameters: Hyperparameters) -> EnvRecorder | NoRecorder:
        """Of all cars, into --simcache-out."""
        if self._recording is None:
            return NoRecorder()
        put = self._recording.put
        return EnvRecorder(
            contract,
            hyperparameters.envs,
            self._settings.simcache.size,
            lambda transitions: put(transitions.encode, wait=True),
            source=f"train, run {self._run.name}, table {hyperparameters.table}",
            rewards=f"{hyperparameters.reward} of sim_bridge/reward.py",
        )

    def start(self, learner: Learner) -> bool:
        """Give a new learner the weights of --load; whether there were any. Raises UserError."""
        where = self._places.load
        if where is None:
            return False
        if "://" in where or where.endswith(SUFFIX):
            folder, _, name = where.rpartition("/")
            place = open_place(folder or ".", self._settings.s3)
            weights = decode_weights(place.read(name, MOST_WEIGHTS_BYTES), where)
            try:
                learner.start_from(weights)
            except ValueError as error:
                raise UserError(f"{where} is of another network; name another, or give --network") from error
        else:
            load_best(self._run.parent / where, learner.online)
            learner.start_from(learner.online.get_weights())
        return True

    def save(self, learner: Learner, progress: Progress) -> None:
        """Save the weights where --save-every episodes have passed."""
        if self._saving is None:
            return
        every = self._places.save_every
        if self._saved_at is None:
            self._saved_at = progress.episodes
        if progress.episodes // every > self._saved_at // every:
            self._saved_at = progress.episodes
            name, weights = f"{self._run.name}-{progress.episodes:07d}", learner.online.get_weights()

            def encode() -> tuple[str, bytes]:
                content = encode_weights(weights)
                return f"{name}-{digest(content)}{SUFFIX}", content

            self._saving.put(encode, wait=True)

    @contextmanager
    def sending(self, console: Console) -> Iterator[None]:
        """At its end all that was written has arrived, or is said not to have."""
        outboxes = [box for box in (self._recording, self._saving) if box]
        try:
            yield
        finally:
            for box in outboxes:
                box.close(LONGEST_SENDING_S)
                if box.note:
                    console.print(box.note, soft_wrap=True, markup=False)

    def _library(self) -> Library:
        caches, most_bytes = self._car / "cache", self._settings.simcache.cache_mb * 1_000_000
        return open_library(self._places.simcache or "", caches, most_bytes, self._settings.s3)

    def _outbox(self, where: str) -> Outbox:
        return open_outbox(where, self._car / "queue", self._settings.simcache.queue_mb * 1_000_000, self._settings.s3)


def encode_weights(weights: list[np.ndarray]) -> bytes:
    """A network's weights as a file."""
    return pack({str(index): weight for index, weight in enumerate(weights)})


def decode_weights(content: bytes, where: str) -> list[np.ndarray]:
    """The weights in such a file. Raises UserError, which names it, where it is broken or none."""
    try:
        arrays = unpack(content, MOST_WEIGHTS_BYTES)
        return [arrays[str(index)] for index in range(len(arrays))]
    except (NpzError, KeyError) as error:
        raise UserError(f"{where} holds no weights that train --save-every saved ({error}); name another") from error
