"""`manage.py evaluate --tub`: a policy on recordings, as a table and a picture per clip. Only to measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.contract import ObservationSpec
from models.folder import Model
from models.footage import Clip, ClipScore, fit, score_clip, steer_through
from models.pictures import CYAN, DARK, WHITE, YELLOW, draw_steering, sheet, write_png, write_text
from models.score import cut, smooth
from storage.tub import Tub, find_tubs

MOMENTS = 4  # of the best, and of the worst
APART_S = 1.0  # moments shown are at least so far apart
WIDTH, ROW_HEIGHT, MARGIN = 1280, 150, 40  # pixels of the curves
ROW_S, MOST_ROWS = 30.0, 6  # a row of curves is so long; longer where there would be too many rows
GREEN, RED, GREY = (90, 220, 90), (255, 90, 80), (70, 70, 70)


@dataclass(frozen=True)
class FootageEvaluation:
    """A policy's scores on clips, by the clips' names."""

    model: str
    clips: dict[str, ClipScore]

    def mean(self) -> dict[str, float]:
        """Of each figure, every clip counting the same."""
        figures = [_figures(clip) for clip in self.clips.values()]
        return {name: float(np.mean([one[name] for one in figures])) for name in figures[0]}

    def as_json(self) -> dict[str, object]:
        clips = {name: clip.as_json() for name, clip in self.clips.items()}
        return {"model": self.model, "clips": clips, "mean": self.mean()}


def _figures(clip: ClipScore) -> dict[str, float]:
    return {
        "score": clip.score.score,
        "clip": clip.score.clip,
        "mirror": clip.score.mirror,
        "mirror_consistency": clip.mirror_consistency,
        "flips_per_second": clip.flips_per_second,
        "sign_agreement": clip.sign_agreement,
    }


def evaluate_footage(
    model: Model, paths: Sequence[Path], reports: Path, *, still: bool, progress: bool
) -> FootageEvaluation:
    """Run the int8 policy over each tub (a path may be a folder of them); leave a PNG per clip in `reports`.

    still: as steer_through's.

    Raises TubError or ScoreError where a tub cannot be read or scored, StorageError where a PNG cannot be written.
    """
    tubs = name_tubs([Tub(tub) for path in paths for tub in find_tubs(path)])
    scores = {}
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), disable=not progress,
    ) as bars:  # fmt: skip
        for name, tub in tubs.items():
            task = bars.add_task(name, total=len(tub.records))
            clip = steer_through(
                model.policy, model.contract, tub, tick=lambda task=task: bars.advance(task), still=still
            )
            bars.update(task, total=len(clip.records))
            scores[name] = score_clip(clip)
            write_png(reports / f"{name}.png", draw_clip(name, clip, scores[name], model.contract.observation))
    return FootageEvaluation(str(model.folder), scores)


def name_tubs(tubs: Sequence[Tub]) -> dict[str, Tub]:
    """Each tub once, by its folder's name; where two have the same, by as many folders above it as tell them apart."""
    by_path = {tub.path.resolve(): tub for tub in tubs}
    for depth in range(1, max(len(path.parts) for path in by_path) + 1):
        named = {"-".join(path.parts[-depth:]).replace("/", ""): tub for path, tub in by_path.items()}
        if len(named) == len(by_path):
            break
    return named


def table(evaluation: FootageEvaluation, reports: Path) -> None:
    """Print the evaluation for people."""
    grid = Table(title=f"{evaluation.model} on footage", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for heading in ("clip", "score", "as\nrecorded", "mirrored", "lag,\nms", "left as\nright", "flips\n/s", "bends"):
        narrow = heading != "clip"  # only names fold where a terminal is too narrow
        grid.add_column(heading, justify="right" if narrow else "left", overflow="fold", no_wrap=narrow)
    for name, clip in evaluation.clips.items():
        grid.add_row(name, *_cells(_figures(clip), " ".join(f"{1000 * lag_s:+.0f}" for lag_s in clip.lag_s)))
    grid.add_section()
    grid.add_row("mean", *_cells(evaluation.mean(), ""))
    console = Console()
    console.print(grid)
    for name, clip in evaluation.clips.items():
        if clip.without_angle or clip.broken:
            console.print(
                f"{name}: left out {clip.without_angle} records without a human angle, {clip.broken} without a "
                "readable image",
                soft_wrap=True,
            )
    for line in (
        "score: correlation with the human, the mean of both passes; 1 is best, 0 is chance",
        "lag: of both passes, + where the policy steers later; left as right: correlation of both passes' steering",
        "bends: how often both steer to the same side there; flips: changes of the policy's side",
    ):
        console.print(line, style="dim", soft_wrap=True)
    console.print(f"pictures are in {reports}", soft_wrap=True)


def _cells(figures: dict[str, float], lag: str) -> list[str]:
    return [
        *(f"{figures[name]:.3f}" for name in ("score", "clip", "mirror")),
        lag,
        f"{figures['mirror_consistency']:.3f}",
        f"{figures['flips_per_second']:.2f}",
        f"{figures['sign_agreement']:.0%}",
    ]


def draw_clip(name: str, clip: Clip, score: ClipScore, spec: ObservationSpec) -> np.ndarray:
    """Human and policy over time, as the score smooths them, and the frames of the best and the worst moments.

    The best moments add most to the correlation of the curves (without lag), the worst take most from it.
    """
    pieces, period_s = cut(clip.timestamps_ms, clip.sessions)
    places = np.concatenate([np.arange(piece.start, piece.stop) for piece in pieces])  # of the records in the curves
    human, policy = (
        np.concatenate([smooth(values[piece], period_s) for piece in pieces]) for values in (clip.human, clip.steering)
    )
    gain = _standardised(human) * _standardised(policy)
    best = _moments(gain, gain > 0, period_s)
    worst = _moments(-gain, gain < 0, period_s)
    heading = np.full((64, WIDTH, 3), DARK, np.uint8)
    write_text(heading, f"{name}: {score.score}", 10, 22)
    write_text(heading, "human", 10, 50, CYAN)
    write_text(heading, "policy", 70, 50, YELLOW)
    write_text(heading, "best moments", 135, 50, GREEN)
    write_text(heading, "worst moments", 250, 50, RED)
    write_text(heading, "steering, -1 left (down) to +1 right (up), means over 0.25 s; numbers are seconds", 400, 50)
    rows = [heading, *_curves(human, policy, pieces, period_s, {GREEN: best, RED: worst})]
    for colour, moments in ((GREEN, best), (RED, worst)):
        if moments:
            tiles = [
                _moment(clip, spec, int(places[at]), at * period_s, human[at], policy[at], colour) for at in moments
            ]
            rows.append(sheet(tiles, MOMENTS, 1))
    return np.vstack(rows)


def _standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / max(1e-9, float(values.std()))


def _moments(gain: np.ndarray, allowed: np.ndarray, period_s: float) -> list[int]:
    """Up to MOMENTS places of the largest gain, APART_S apart, in order of time."""
    left, found = np.where(allowed, gain, -np.inf), []
    apart = max(1, round(APART_S / period_s))
    while len(found) < MOMENTS and np.isfinite(left.max()):
        at = int(left.argmax())
        found.append(at)
        left[max(0, at - apart) : at + apart + 1] = -np.inf
    return sorted(found)


def _curves(
    human: np.ndarray,
    policy: np.ndarray,
    pieces: list[slice],
    period_s: float,
    marks: dict[tuple[int, int, int], list[int]],
) -> list[np.ndarray]:
    """Rows of (ROW_HEIGHT, WIDTH, 3), one below the other in time."""
    count = min(MOST_ROWS, max(1, int(np.ceil(len(human) * period_s / ROW_S))))
    across = int(np.ceil(len(human) / count))  # records in a row
    cuts = np.cumsum([piece.stop - piece.start for piece in pieces])[:-1]
    rows = []
    for first in range(0, len(human), across):
        row = np.full((ROW_HEIGHT, WIDTH, 3), DARK, np.uint8)
        here = np.arange(first, min(first + across, len(human)))
        x = MARGIN + (here - first) * ((WIDTH - MARGIN - 10) / across)

        def y(steering: np.ndarray | float) -> np.ndarray:
            return ROW_HEIGHT / 2 - np.asarray(steering) * (ROW_HEIGHT / 2 - 16)

        for level in (-1, 0, 1):
            at = round(float(y(level)))
            cv2.line(row, (MARGIN, at), (WIDTH - 10, at), GREY, 1)
            write_text(row, f"{level:+d}" if level else " 0", 10, at + 5, WHITE, 0.4)
        second = max(1, round(across * period_s / 15))
        for t_s in range(int(np.ceil(here[0] * period_s / second)) * second, int(here[-1] * period_s) + 1, second):
            at = round(MARGIN + (t_s / period_s - first) * (WIDTH - MARGIN - 10) / across)
            write_text(row, str(t_s), at, ROW_HEIGHT - 2, WHITE, 0.35)
            cv2.line(row, (at, ROW_HEIGHT - 16), (at, ROW_HEIGHT - 12), WHITE, 1)
        for at in x[np.isin(here, cuts)]:
            cv2.line(row, (round(at), 4), (round(at), ROW_HEIGHT - 16), WHITE, 1)
        for colour, moments in marks.items():
            for at in x[np.isin(here, moments)]:
                cv2.line(row, (round(at), 16), (round(at), ROW_HEIGHT - 16), colour, 1)
        for values, colour in ((human, CYAN), (policy, YELLOW)):
            points = np.round(np.stack([x, y(values[here])], axis=1) * 16).astype(np.int32)
            cv2.polylines(row, [points], False, colour, 1, cv2.LINE_AA, 4)
        rows.append(row)
    return rows


def _moment(
    clip: Clip, spec: ObservationSpec, place: int, t_s: float, human: float, policy: float,
    colour: tuple[int, int, int],
) -> np.ndarray:  # fmt: skip
    """A frame with both steerings drawn in, and their numbers under it: (268, 320, 3)."""
    frame = cv2.resize(fit(clip.tub.image(clip.records[place]), spec), (WIDTH // MOMENTS - 4, 240))
    frame = draw_steering(draw_steering(frame, human, CYAN), policy, YELLOW)
    tile = np.full((240 + 28, WIDTH // MOMENTS, 3), DARK, np.uint8)
    tile[4:244, 2:-2] = frame
    write_text(tile, f"{t_s:.1f} s", 6, 260, colour)
    write_text(tile, f"human {human:+.2f}", 90, 260, CYAN)
    write_text(tile, f"policy {policy:+.2f}", 200, 260, YELLOW)
    return tile
