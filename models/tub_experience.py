"""Donkeycar tubs as transitions to learn from, and back."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from models.contract import Contract, ObservationSpec
from models.experience import ALIVE, Episodes, check_fits, contract_of, facts
from models.footage import fit
from models.observation import Observer
from models.score import stretches
from storage.files import write_folder
from storage.simcache import SimCacheError, Transitions
from storage.simcache_writer import SimCacheWriter
from storage.tub import Record, Tub, TubError
from storage.tub_writer import ColumnType, TubWriter

COLUMNS: dict[str, ColumnType] = {
    "cam/image_array": "image_array",
    "user/angle": "float",
    "user/throttle": "float",
    "user/mode": "str",
}
CUT_S = 10.0  # of nothing, in a tub's time, between two episodes


def import_tub(
    tub: Tub,
    records: Iterable[Record],
    contract: Contract,
    size: int,
    recording: str,
    put: Callable[[Transitions], object],
) -> int:
    """Hand a tub's transitions to `put`, `size` at a time. Returns how many records were left out, for want of a
    command or a frame that can be read.

    records: all of the tub's, in their order.

    The rewards are those of ALIVE. Raises SimCacheError where nothing is left to learn from.
    """
    source = f"tub {tub.path.name[:200]}" if tub.path.name.isprintable() else "tub"
    writer = SimCacheWriter(facts(contract, source=source, rewards=ALIVE, recording=recording), size, put)
    episodes, observer = Episodes(writer, contract.actions), Observer(contract.observation)
    pieces, _ = stretches(
        [record.timestamp_ms for record in tub.records], [record.session_id for record in tub.records]
    )
    first_ones = {piece.start for piece in pieces}
    left_out = 0
    for number, record in enumerate(records):
        if number in first_ones:
            observer.clear()
            episodes.cut()
        try:
            frame = fit(tub.image(record), contract.observation)
        except TubError:
            left_out += 1
            continue
        observation = observer.see(frame, int(record.timestamp_ms * 1e6))
        if record.command is None:
            left_out += 1
            episodes.rest()
        elif observation is not None:
            episodes.see(observation[..., -1], *record.command, record.mode or "user")
    writer.close()
    if not writer.added:
        raise SimCacheError(
            f"{tub.path}: none of its {len(tub.records)} records is of a car that drives, with its command and a "
            "picture; name another tub"
        )
    return left_out


def export_tub(files: Iterable[Transitions], path: Path) -> int:
    """Write a new tub of what was seen and commanded, by the contract that each file tells; returns its records. A tub
    has no place for rewards.

    The policy's view is drawn back into a frame of the camera's size: the top third, which it does not see, is black.
    Raises SimCacheError where a file tells of no contract, or the frames would not be of one size, and StorageError;
    then there is no tub.
    """
    now_s = time.time()
    size: tuple[int, int] | None = None  # of the frames
    before: tuple[str, int] | None = None  # recording and age of the last picture
    with write_folder(path) as staging:
        writer = TubWriter(staging, COLUMNS, clock_s=lambda: now_s)
        for transitions in files:
            infos, name = transitions.infos, transitions.facts.recording
            contract = contract_of(transitions.facts, name)
            check_fits(transitions, contract, name)
            spec = contract.observation
            size = size or (spec.frame_width, spec.frame_height)
            if size != (spec.frame_width, spec.frame_height):
                raise SimCacheError(
                    f"{name} is of frames of {spec.frame_width} x {spec.frame_height}, and what was read before it of "
                    f"{size[0]} x {size[1]}; make a tub of each"
                )
            for step, row in enumerate(transitions.at.tolist()):
                age = int(transitions.age[row])
                now_s += spec.period_s if before == (name, age - 1) else CUT_S
                before = name, age
                decoded = contract.actions.decode(int(transitions.action[step]))
                writer.write(
                    {
                        "cam/image_array": frame_of(transitions.views[row], spec),
                        "user/angle": float(infos["steering"][step]) if "steering" in infos else decoded[0],
                        "user/throttle": float(infos["throttle"][step]) if "throttle" in infos else decoded[1],
                        "user/mode": "user",
                    }
                )
        writer.close()
    return writer.records


def frame_of(view: np.ndarray, spec: ObservationSpec) -> np.ndarray:
    """A frame that the policy sees as this view, nearly: uint8 (size, size) -> (frame_height, frame_width)."""
    frame = np.zeros((spec.frame_height, spec.frame_width), np.uint8)
    seen = (spec.frame_width, spec.frame_height - spec.crop_top)
    frame[spec.crop_top :] = cv2.resize(view, seen, interpolation=cv2.INTER_LINEAR)
    return frame
