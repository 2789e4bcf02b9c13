"""A run's TensorBoard files: curves, a histogram of the actions taken, a film at each evaluation.

`tensorboard --logdir runs` shows all runs. The step is the number of frames of all cars together; resuming adds a file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from models.left_behind import as_gif
from storage.files import StorageError
from trainer.evaluation import greedy
from trainer.film import EVERY, film
from trainer.learner import Learner
from trainer.progress import VALIDATION_SEED, Progress

FOLDER = "tensorboard"


class TensorBoard:
    """Called with each Progress, and `film` after each evaluation; a context, within which the file is open."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FOLDER
        self._before: tuple[float, int] | None = None  # elapsed seconds and updates at the last report

    def __enter__(self) -> "TensorBoard":
        with self._or_storage_error():
            self._writer = tf.summary.create_file_writer(str(self._path))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with self._or_storage_error():
                self._writer.close()
        except StorageError:
            if kind is None:  # else another error is on its way, with the cause
                raise

    def __call__(self, progress: Progress) -> None:
        before_s, before_updates = self._before or (progress.resumed_s or 0.0, progress.updates)
        self._before = progress.elapsed_s, progress.updates
        with self._or_storage_error(), self._writer.as_default(progress.frames):
            if progress.episode_return is not None:
                tf.summary.scalar("training/return", progress.episode_return)
            tf.summary.scalar("training/loss", progress.loss)
            tf.summary.scalar("training/q", progress.q)
            if progress.epsilon is not None:
                tf.summary.scalar("training/epsilon", progress.epsilon)
            rate_hz = (progress.updates - before_updates) / max(progress.elapsed_s - before_s, 1e-9)
            tf.summary.scalar("training/updates_per_s", rate_hz)
            taken = np.repeat(np.arange(len(progress.actions)), progress.actions)
            tf.summary.histogram("training/actions", taken, buckets=len(progress.actions))
            if progress.evaluation:
                tf.summary.scalar("validation/finished_share", progress.evaluation.finished_share)
                tf.summary.scalar("validation/mean_offset_m", progress.evaluation.mean_offset_m)
                self._writer.flush()

    def film(self, learner: Learner, progress: Progress) -> None:
        """The first seconds of the first validation track, as an image summary that moves."""
        frames = film(
            greedy(lambda observations, _: learner.advantages(observations), learner.contract),
            learner.contract,
            VALIDATION_SEED,
        )
        image = tf.compat.v1.Summary.Image(
            height=frames[0].shape[0],
            width=frames[0].shape[1],
            colorspace=3,
            encoded_image_string=as_gif(frames, EVERY * learner.contract.observation.period_s),
        )
        summary = tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(tag="validation/drive", image=image)])
        with self._or_storage_error(), self._writer.as_default(progress.frames):
            tf.summary.experimental.write_raw_pb(summary.SerializeToString())

    @contextmanager
    def _or_storage_error(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            raise StorageError(
                f"cannot write {self._path}: {error.message.splitlines()[0]}; free some space. The best network so "
                f"far is in {self._path.parent}"
            ) from error
