"""A run's curve: metrics.jsonl, a line a second and one for each evaluation, and the progress line on the terminal."""

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from errors import UserError
from storage.files import StorageError, write_file

if TYPE_CHECKING:  # reading curves needs no TensorFlow
    from trainer.progress import Progress

METRICS = "metrics.jsonl"
_NAMES = ("elapsed_s", "frames", "updates", "loss", "q")
_WHERE_KNOWN = ("epsilon", "episode_return", "episode_steps")  # recordings have none of them


class MetricsError(UserError):
    """A run's metrics cannot be read. The message is one line: the cause and the remedy."""


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The lines of a run's metrics.jsonl; one that a killed process left half-written at the end is passed over.

    Raises MetricsError where there is no such file, or it is no such file.
    """
    path = folder / METRICS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MetricsError(f"{folder} is no training run, its {METRICS} cannot be read; name another") from error
    metrics = []
    for number, line in enumerate(lines, 1):
        try:
            metrics.append({name: json.loads(line)[name] for name in _NAMES} | json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            if number < len(lines):
                raise MetricsError(f"{path}, line {number}, is no line of metrics; remove it") from error
    return metrics


def forget_after(folder: Path, elapsed_s: float) -> None:
    """Drop the lines a run wrote after its last checkpoint: it goes on there. Raises MetricsError, StorageError."""
    kept = [line for line in read_metrics(folder) if line["elapsed_s"] <= elapsed_s]
    write_file(folder / METRICS, "".join(json.dumps(line) + "\n" for line in kept).encode())


class Metrics:
    """Called with each Progress; a context, within which the file is open."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._path, self._console = folder / METRICS, console
        self._printed_s = 0.0

    def __enter__(self) -> "Metrics":
        with self._or_storage_error():
            self._file = self._path.open("a", encoding="utf-8")
        self._status = self._console.status("the first cars set off ...")
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()
        with contextlib.suppress(OSError):  # each line was flushed, or its error is on its way
            self._file.close()

    def __call__(self, progress: "Progress") -> None:
        self._print(progress)
        metrics = {name: getattr(progress, name) for name in _NAMES}
        known = {name: getattr(progress, name) for name in _WHERE_KNOWN}
        metrics |= {name: value for name, value in known.items() if value is not None}
        if progress.evaluation:
            metrics["finished_share"] = progress.evaluation.finished_share
            metrics["mean_offset_m"] = progress.evaluation.mean_offset_m
        with self._or_storage_error():
            self._file.write(json.dumps(metrics) + "\n")
            self._file.flush()

    def _print(self, progress: "Progress") -> None:
        elapsed_s = max(progress.elapsed_s, 1e-9)
        sitting_s = progress.elapsed_s - (progress.resumed_s or 0.0)
        left_s = sitting_s * (1 / progress.share - 1) if progress.share > 0 else None
        words = [
            _clock(progress.elapsed_s),
            f"{progress.frames / elapsed_s:.0f} steps/s",
            f"{progress.updates / elapsed_s:.0f} updates/s",
        ]
        if progress.epsilon is not None:
            words.append(f"epsilon {progress.epsilon:.2f}")
        if progress.episode_return is not None:
            words.append(f"return {progress.episode_return:.1f} in {progress.episode_steps:.0f} steps")
        line = "  ".join([*words, f"{_clock(left_s)} left"])
        if progress.evaluation:
            evaluation = progress.evaluation
            self._console.print(
                f"{_clock(progress.elapsed_s)}  finished {evaluation.finished} of {evaluation.tracks} unseen tracks, "
                f"{100 * evaluation.mean_offset_m:.1f} cm from the centre",
                soft_wrap=True,
            )
        if self._console.is_terminal:
            self._status.update(line)
        elif progress.elapsed_s - self._printed_s > 10:
            self._printed_s = progress.elapsed_s
            self._console.print(line, soft_wrap=True)

    @contextlib.contextmanager
    def _or_storage_error(self):
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"cannot write {self._path}: {error.strerror}; free some space. The best network so far is in "
                f"{self._path.parent}"
            ) from error


def _clock(seconds: float | None) -> str:
    return "--:--" if seconds is None else f"{int(seconds) // 60:2d}:{int(seconds) % 60:02d}"
