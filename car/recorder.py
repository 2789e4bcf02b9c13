"""Records a drive as a donkeycar tub, in a thread of its own: a slow or full disk costs records, never a command."""

import sys
import threading
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from models.folder import MODEL, Model
from models.left_behind import free_folder, now
from storage.files import StorageError
from storage.tub_writer import ColumnType, TubWriter, Value

MOST_WAITING = 60  # records; 3 s at 20 a second
LONGEST_CLOSING_S = 10.0
COLUMNS: dict[str, ColumnType] = {
    "cam/image_array": "image_array",  # these four are donkeycar's
    "user/angle": "float",
    "user/throttle": "float",
    "user/mode": "str",
    "pilot/angle": "float",  # what the policy said, whoever drove
    "pilot/throttle": "float",
    "pilot/action": "int",
    "pilot/advantage_gap": "float",  # of the best action over the second best: how sure the policy was
    "car/angle": "float",  # what the car was told, after all limits
    "car/throttle": "float",
    "latency_ms": "float",  # from the frame to the command
    "model/id": "str",
}


class Recorder:
    """The part behind the drivetrain. Records while `recording`, into one tub for the whole drive."""

    def __init__(self, drives: Path) -> None:
        """drives: the folder in which this drive's tub appears with its first record, named by date and time."""
        self._writer = TubWriter(free_folder(drives, "tub", now()), COLUMNS)
        self._waiting: SimpleQueue[dict[str, Value] | int | None] = SimpleQueue()  # records, deletions, the end
        self._thread: threading.Thread | None = None
        self._recorded = False  # in the last round
        self._failed = False  # said by the thread, taken back by the loop
        self._note = ""
        self.dropped = 0  # records, for want of a faster disk

    @property
    def path(self) -> Path:
        """The tub of this drive."""
        return self._writer.path

    @property
    def records(self) -> int:
        """How many were written."""
        return self._writer.records

    def run(
        self,
        recording: bool | None,
        frame: NDArray[np.uint8],
        user_steering: float | None,
        user_throttle: float | None,
        mode: str,
        pilot_steering: float | None,
        pilot_throttle: float | None,
        action: int | None,
        advantages: NDArray[np.float32] | None,
        steering: float,
        throttle: float,
        t_capture_ns: int,
        t_command_ns: int,
        model: Model | None,
    ) -> tuple[bool, int, str]:
        """frame: RGB uint8 (h, w, 3) or grey (h, w); advantages: float32 (actions,); model: the last that decided.

        Returns whether it goes on recording, the records written so far, and what the driver should know.
        """
        if self._failed:
            self._failed = recording = False
        if recording and not self._recorded:
            self._note = ""  # the driver tries again
        self._recorded = bool(recording)
        if recording:
            record: dict[str, Value] = {
                "cam/image_array": frame.copy(),  # the camera may use its memory again
                "user/angle": user_steering or 0.0,
                "user/throttle": user_throttle or 0.0,
                "user/mode": mode,
                "pilot/angle": pilot_steering,
                "pilot/throttle": pilot_throttle,
                "pilot/action": action,
                "pilot/advantage_gap": None if advantages is None else _gap(advantages),
                "car/angle": steering,
                "car/throttle": throttle,
                "latency_ms": (t_command_ns - t_capture_ns) / 1e6,
                "model/id": None if model is None else model_id(model),
            }
            if self._waiting.qsize() < MOST_WAITING:
                self._put(record)
            else:
                self.dropped += 1
                self._note = f"{self.dropped} records were not taken: the disk is too slow"
        return bool(recording), self.records, self._note

    def delete_last_n_records(self, count: int) -> None:
        """Mark the newest records as deleted; donkeycar's pads call it so, from their own thread."""
        if self._thread:
            self._waiting.put(count)

    def shutdown(self) -> None:
        """Write what waits, and close the tub."""
        if self._thread:
            self._waiting.put(None)
            self._thread.join(LONGEST_CLOSING_S)
            note = f"; {self._note}" if self._note else ""
            print(f"recorded {self.records} records in {self.path}{note}", file=sys.stderr)

    def _put(self, record: dict[str, Value]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
            self._thread.start()
        self._waiting.put(record)

    def _write(self) -> None:
        """The thread: until the drive ends."""
        while True:
            item = self._waiting.get()
            try:
                if item is None:
                    self._writer.close()
                    return
                if isinstance(item, int):
                    self._writer.delete_last(item)
                elif not self._failed:  # else what was waiting when it failed
                    self._writer.write(item)
            except StorageError as error:
                self._note, self._failed = f"recording stopped: {error}", True
                if item is None:
                    return


def model_id(model: Model) -> str:
    """Names a model in recordings: its name, and the start of the hash of what the car runs."""
    return f"{model.manifest.name}@{model.manifest.files[MODEL].sha256[:12]}"


def _gap(advantages: NDArray[np.float32]) -> float | None:
    """Of the best action over the second best."""
    if advantages.size < 2:
        return None
    second, best = np.partition(advantages, -2)[-2:]
    return float(best - second)
