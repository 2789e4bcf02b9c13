"""Reads a recording for the page, in a process of its own, after all other work of the machine.

python -m car.page.reading timeline TUB         one line of JSON: what was steered when, and the name of each frame
python -m car.page.reading score TUB MODEL      lines of JSON: how far it is, at last score and policy's steering
python -m car.page.reading zip TUB              a zip of the whole tub
What cannot be done is a last line {"error": ...}.
"""

import json
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

from errors import UserError
from models.folder import load_model
from models.footage import BY_HAND, score_clip, steer_through
from storage.tub import IMAGES, Tub

NICE = 19
TELL_S = 0.3  # between two words on how far it is


def timeline(tub: Tub) -> dict[str, Any]:
    """Of each record: when in s since the first, the human's steering (null where the policy had it) and throttle, the
    mode, and its frame."""
    records = [record for record in tub.records if record.image is not None]
    began_ms = records[0].timestamp_ms if records else 0.0
    return {
        "t_s": [round((record.timestamp_ms - began_ms) / 1000, 3) for record in records],
        "index": [record.index for record in records],
        "angle": [record.angle if record.mode in BY_HAND else None for record in records],
        "throttle": [record.throttle for record in records],
        "mode": [record.mode for record in records],
        "image": [record.image for record in records],
    }


def score(tub: Tub, model_folder: Path) -> dict[str, Any]:
    """The policy's score against the human, and its steering by the index of the record. Raises UserError."""
    model, done, told_s = load_model(model_folder), 0, time.monotonic()

    def tick() -> None:
        nonlocal done, told_s
        done += 1
        if time.monotonic() - told_s > TELL_S:
            told_s = time.monotonic()
            _say({"done": done, "of": len(tub.records)})

    clip = steer_through(model.policy, model.contract, tub, tick)
    found = score_clip(clip)
    return {
        "score": round(found.score.score, 3),
        "clip": round(found.score.clip, 3),
        "mirror": round(found.score.mirror, 3),
        "lag_s": round(found.lag_s[0], 2),
        "records": found.score.records,
        "words": str(found.score),
        "model": model.manifest.name,
        "index": [record.index for record in clip.records],
        "steering": [round(float(one), 3) for one in clip.steering],
    }


def write_zip(tub: Path) -> None:
    """To stdout. The lists come before the frames they name: of a tub that still grows, all that is listed is there."""
    files = sorted((file for file in tub.rglob("*") if file.is_file()), key=lambda file: file.parent.name == IMAGES)
    with zipfile.ZipFile(sys.stdout.buffer, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:  # JPEGs
        for file in files:
            archive.write(file, Path(tub.name) / file.relative_to(tub))


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line, allow_nan=False), flush=True)


def main(what: str, tub: str, *more: str) -> None:
    """As the command line has it."""
    os.nice(NICE)
    try:
        if what == "zip":
            write_zip(Path(tub))
        elif what == "timeline":
            _say(timeline(Tub(Path(tub))))
        else:
            _say(score(Tub(Path(tub)), Path(more[0])))
    except UserError as error:
        _say({"error": str(error)})


if __name__ == "__main__":
    main(*sys.argv[1:])
