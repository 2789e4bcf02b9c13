"""What a run folder keeps to go on from: the best network, and where the training stands.

weights.npz       the best network so far and how it evaluated
checkpoint.npz    both networks, the optimiser's moments and the counters, at the last evaluation
Each is written whole or not at all, so a run can be resumed after any end, kill -9 too.
"""

import io
import json
import zipfile
from pathlib import Path

import keras
import numpy as np

from errors import UserError
from storage.files import write_file
from trainer.evaluation import Summary
from trainer.learner import Learner
from trainer.progress import Progress

BEST, CHECKPOINT = "weights.npz", "checkpoint.npz"
_COUNTERS = ("elapsed_s", "frames", "episodes", "updates", "recent")


class CheckpointError(UserError):
    """A run cannot be resumed. The message is one line: the cause and the remedy."""


def save_best(folder: Path, network: keras.Model, evaluation: Summary) -> None:
    """Write weights.npz. Raises StorageError."""
    arrays = {str(index): weight for index, weight in enumerate(network.get_weights())}
    _write(folder / BEST, arrays, evaluation.as_json() | {"results": []})


def load_best(folder: Path, network: keras.Model) -> Summary:
    """Give the network the best weights; returns how they evaluated, without each track's result.

    Raises CheckpointError for a file that is missing, broken or of another network.
    """
    arrays, evaluation = _read(folder / BEST)
    del evaluation["finished_share"]
    try:
        network.set_weights([arrays[str(index)] for index in range(len(arrays))])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{folder / BEST} is of another network; train anew") from error
    return Summary(**evaluation)


def save_checkpoint(folder: Path, learner: Learner, progress: Progress) -> None:
    """Write checkpoint.npz. Raises StorageError."""
    _write(folder / CHECKPOINT, learner.state(), {name: getattr(progress, name) for name in _COUNTERS})


def load_checkpoint(folder: Path) -> tuple[dict[str, np.ndarray], Progress]:
    """The learner's state and where the training stood. Raises CheckpointError for a missing or broken file."""
    arrays, counters = _read(folder / CHECKPOINT)
    counters = {"episodes": 0} | counters  # of an older run, which did not count them
    try:
        counters = {name: counters[name] for name in _COUNTERS}
    except KeyError as error:
        raise CheckpointError(f"{folder / CHECKPOINT} does not tell {error}; train anew") from error
    return arrays, Progress(**counters, resumed_s=counters["elapsed_s"], drives=True)


def _write(path: Path, arrays: dict[str, np.ndarray], facts: dict[str, object]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, facts=np.array(json.dumps(facts)), **arrays)
    write_file(path, buffer.getvalue())


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file.items())
        return arrays, json.loads(str(arrays.pop("facts")))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path.parent} has no {path.name}: it ended before its first evaluation; train anew under another --name"
        ) from error
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} is broken ({error}); train anew under another --name") from error
