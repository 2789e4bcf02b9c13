"""Records a drive as transitions to learn from: what was seen, what was done, what came of it."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from car.simulated import REWARDS, SimulatedCar
from models.contract import Contract
from models.experience import ALIVE, Episodes, facts
from models.folder import Model
from models.observation import Observer
from settings import Settings
from storage.outbox import open_outbox
from storage.simcache import new_recording
from storage.simcache_writer import SimCacheWriter

FOLDER, QUEUE = "simcache", "queue"  # in the car's own folder
LONGEST_SENDING_S = 20.0  # when the drive has ended; what has not arrived then waits for the next one
LONGEST_GAP_S = 0.5  # between two pictures of an episode


class SimCacheRecorder:
    """The part behind the drivetrain, in the place of the Recorder of tubs. Never waits for a disk or a network."""

    def __init__(
        self, contract: Contract, settings: Settings, car: Path, *, source: str, judge: SimulatedCar | None
    ) -> None:
        """car: the car's own folder. judge: knows what comes of each command; without one, rewards are those of ALIVE.
        Raises StorageError where the place in the settings is none."""
        self.place = settings.simcache.place or str(car / FOLDER)
        self._outbox = open_outbox(self.place, car / QUEUE, settings.simcache.queue_mb * 1_000_000, settings.s3)
        said = facts(
            contract,
            source=source,
            rewards=REWARDS if judge else ALIVE,
            recording=new_recording(datetime.now(UTC)),
        )
        self._writer = SimCacheWriter(said, settings.simcache.size, lambda file: self._outbox.put(file.encode))
        self._episodes = Episodes(self._writer, contract.actions)
        self._observer, self._judge = Observer(contract.observation), judge
        self._seen_ns: int | None = None  # when the last picture was taken; None while not recording
        self._take_back = 0

    def run(
        self,
        recording: bool | None,
        frame: NDArray[np.uint8],
        _user_steering: float | None,
        _user_throttle: float | None,
        mode: str,
        _pilot_steering: float | None,
        _pilot_throttle: float | None,
        _action: int | None,
        _advantages: NDArray[np.float32] | None,
        steering: float,
        throttle: float,
        t_capture_ns: int,
        _t_command_ns: int,
        _model: Model | None,
    ) -> tuple[bool, int, str]:
        """As Recorder.run. The action is the one of the contract's that is nearest to what the car was told."""
        if self._take_back:
            self._episodes.rest()
            count, self._take_back = self._take_back, 0
            self._writer.take_back(count)
        if recording:
            self._record(frame, mode, steering, throttle, t_capture_ns)
        elif self._seen_ns is not None:
            self._episodes.rest()
            self._observer.clear()
            self._seen_ns = None
        return bool(recording), self._writer.added, self._outbox.note

    def delete_last_n_records(self, count: int) -> None:
        """Forget the newest transitions that are in no file yet; donkeycar's pads call it so, from their own thread."""
        self._take_back = count

    def shutdown(self) -> None:
        """Write the file in hand, and send what waits."""
        self._writer.close()
        self._outbox.close(LONGEST_SENDING_S)
        if self._writer.added or self._outbox.note:
            note = f"; {self._outbox.note}" if self._outbox.note else ""
            print(f"recorded {self._writer.added} transitions in {self.place}{note}", file=sys.stderr)

    def _record(self, frame: NDArray[np.uint8], mode: str, steering: float, throttle: float, t_capture_ns: int) -> None:
        if self._seen_ns is not None and t_capture_ns - self._seen_ns > LONGEST_GAP_S * 1e9:
            (self._episodes.rest if self._judge else self._episodes.cut)()
            self._observer.clear()
        observation = self._observer.see(frame, t_capture_ns)
        if observation is not None:
            self._seen_ns = t_capture_ns
            outcome = self._judge.outcome if self._judge else None
            self._episodes.see(observation[..., -1], steering, throttle, mode, outcome)
