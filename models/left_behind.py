"""What a drive or an evaluation leaves behind: a folder with a short film and a summary, whole or not at all.

drive.gif       what the camera saw, the steering drawn in; beside it, where it is known, the track from above
summary.json    the figures, when it was, and the command that was typed
"""

import io
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from models.pictures import WHITE, YELLOW, draw_steering
from storage.files import write_folder

FILM, SUMMARY = "drive.gif", "summary.json"
COLOURS = 32  # of the GIF: grain that nobody looks at is what makes it large
KEPT = (YELLOW, WHITE)
PALETTE_FROM = 20  # pictures, spread evenly over the film


def leave_behind(
    drives: Path, kind: str, began: datetime, summary: Mapping[str, object], film: Sequence[np.ndarray], period_s: float
) -> Path:
    """Write drives/DATE-TIME-kind with the summary and the film, period_s from picture to picture. Returns the folder.

    summary: JSON values. When it began and what was typed is added. Raises StorageError.
    """
    folder = free_folder(drives, kind, began)
    complete = {
        "when": began.isoformat(timespec="seconds"),
        "command": shlex.join(["python", "manage.py", *sys.argv[1:]]),
        **summary,
    }
    with write_folder(folder) as staging:
        (staging / SUMMARY).write_text(json.dumps(complete, indent=2) + "\n", encoding="utf-8")
        (staging / FILM).write_bytes(as_gif(film, period_s))
    return folder


def free_folder(drives: Path, kind: str, began: datetime) -> Path:
    """drives/DATE-TIME-kind, with a number behind it where that is taken: the same second, or a clock set back."""
    first = folder = drives / f"{began.astimezone():%Y-%m-%d-%H%M%S}-{kind}"
    number = 1
    while folder.exists():
        number += 1
        folder = first.with_name(f"{first.name}-{number}")
    return folder


def now() -> datetime:
    """In UTC."""
    return datetime.now(UTC)


def film_picture(frame: np.ndarray, steering: float, above: np.ndarray | None) -> np.ndarray:
    """A camera's frame, uint8 (h, w, 3) RGB or (h, w) luma, with the steering drawn in, beside it a picture of its
    height from above where there is one: RGB uint8 (h, w + h, 3), or (h, w, 3)."""
    colours = frame if frame.ndim == 3 else cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB)
    seen = draw_steering(colours, steering)
    return seen if above is None else np.hstack([seen, above])


def as_gif(pictures: Sequence[np.ndarray], period_s: float) -> bytes:
    """An animated GIF of RGB pictures, uint8 (h, w, 3), one at least, period_s apart, for ever."""
    # One palette for all, drawn from pictures of the whole film, so that colours do not flicker; and the colours drawn
    # into them as they are, for they cover too little to get a place in it.
    drawn = Image.fromarray(np.vstack(pictures[:: -(-len(pictures) // PALETTE_FROM)])).quantize(COLOURS - len(KEPT))
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        [*(drawn.getpalette() or [])[: 3 * (COLOURS - len(KEPT))], *(value for one in KEPT for value in one)]
    )
    frames = [Image.fromarray(one).quantize(palette=palette, dither=Image.Dither.NONE) for one in pictures]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=round(1000 * period_s), loop=0)
    return buffer.getvalue()
