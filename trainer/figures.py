"""Pictures of runs: report.png of one, compare.png of several. Matplotlib, without a screen."""

import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

os.environ.setdefault("MPLCONFIGDIR", str(Path(sys.prefix) / "matplotlib"))  # its font cache, else in the home folder
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from trainer.evaluation import TrackResult

MOST_TRACKS, COLUMNS = 50, 10
DOTS_PER_INCH = 110
FAR = 1.0  # from the centre line in halves of the road's width: the edge

Metrics = Sequence[Mapping[str, float]]  # the lines of metrics.jsonl


def report(name: str, metrics: Metrics, results: Sequence[TrackResult]) -> bytes:
    """A PNG of one run: return (or loss) and finished tracks over time, and where the cars of an evaluation went.

    results: with paths; the first MOST_TRACKS are drawn.
    """
    shown = results[:MOST_TRACKS]
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(14, 4.3 + 1.4 * rows), dpi=DOTS_PER_INCH, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[4, 0.4 + 1.4 * rows])
    left, right = above.subplots(1, 2)
    _learning(left, {name: metrics})
    _finished(right, {name: metrics})
    finished = sum(result.finished for result in results)
    first = f", the first {len(shown)} shown" if len(shown) < len(results) else ""
    figure.suptitle(name)
    below.suptitle(
        f"the last evaluation: {finished} of {len(results)} tracks finished{first} (dot: the start; cross: where a car "
        "left the road or was given up)",
        fontsize="medium",
    )
    axes = below.subplots(rows, COLUMNS, squeeze=False)
    colours = ScalarMappable(Normalize(0, FAR), "turbo")
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, result in zip(axes.flat, shown, strict=False):
        _drive(axis, result, colours)
    bar = below.colorbar(colours, ax=axes, shrink=0.8, pad=0.01, extend="max")
    bar.set_ticks([0, FAR / 2, FAR], labels=["centre line", "half-way", "edge"])
    return _png(figure)


def comparison(runs: Mapping[str, Metrics]) -> bytes:
    """A PNG of several runs' curves, by name."""
    figure = Figure(figsize=(14, 4.5), dpi=DOTS_PER_INCH, layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    _learning(left, runs)
    _finished(middle, runs)
    for name, metrics in runs.items():
        evaluated = [line for line in metrics if "mean_offset_m" in line]
        right.plot(_minutes(evaluated), [100 * line["mean_offset_m"] for line in evaluated], ".-", label=name)
    _axes(right, "distance from the centre line, validation tracks (cm)")
    left.legend()
    return _png(figure)


def _learning(axis: Axes, runs: Mapping[str, Metrics]) -> None:
    """Returns; where no run has any, since it learnt from recordings or from rolled-out values, losses."""
    returns = any("episode_return" in line for metrics in runs.values() for line in metrics)
    what = "episode_return" if returns else "loss"
    for name, metrics in runs.items():
        told = [line for line in metrics if what in line]
        axis.plot(_minutes(told), [line[what] for line in told], label=name)
    _axes(axis, "return, mean of the last 100 episodes" if returns else "loss")


def _finished(axis: Axes, runs: Mapping[str, Metrics]) -> None:
    for name, metrics in runs.items():
        evaluated = [line for line in metrics if "finished_share" in line]
        axis.plot(_minutes(evaluated), [100 * line["finished_share"] for line in evaluated], ".-", label=name)
    _axes(axis, "validation tracks finished (%)")
    axis.set_ylim(-3, 103)


def _axes(axis: Axes, title: str) -> None:
    axis.set_title(title, fontsize="medium")
    axis.set_xlabel("minutes")
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)


def _drive(axis: Axes, result: TrackResult, colours: ScalarMappable) -> None:
    """The road in grey, its start, the car's way coloured by the distance to the centre, a cross where it ended.
    Nothing where nobody knows the way: in another simulator's worlds."""
    if result.path is None:
        return
    track, way = result.path.track, result.path.centre_m
    sides = [
        np.vstack([side, side[:1]]) for side in (track.offset(track.width_m / 2), track.offset(-track.width_m / 2))
    ]
    axis.fill(*np.vstack([sides[0], sides[1][::-1]]).T, color="0.88", linewidth=0)
    for side in sides:
        axis.plot(*side.T, color="0.6", linewidth=0.5)
    pieces = np.stack([way[:-1], way[1:]], axis=1)
    away = np.abs(result.path.offset_m[1:]) / (track.width_m / 2)
    axis.add_collection(LineCollection(pieces, colors=colours.to_rgba(away), linewidth=1.4))
    axis.plot(*way[0], "o", color="black", markersize=3)
    if not result.finished:
        axis.plot(*way[-1], "x", color="red", markersize=8, markeredgewidth=2)
    axis.set_aspect("equal")


def _minutes(metrics: Metrics) -> list[float]:
    return [line["elapsed_s"] / 60 for line in metrics]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
