"""Reads the recordings of a Donkey car: donkeycar Tub v2 folders, by whichever car or tool they were written.

manifest.json        five lines of JSON; the fifth lists the catalogs and the indexes of deleted records
catalog_N.catalog    one record per line
images/              the camera's frames, named by the records
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import cv2
import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from errors import UserError

MANIFEST, IMAGES = "manifest.json", "images"
_V1_FILES = ("meta.json", "record_*.json")
_COPY_AGAIN = "copy the tub from the car again, or leave it out"


class TubError(UserError):
    """A tub, or an image of one, cannot be read. The message is one line: the cause and the remedy."""


def _inside_its_folder(name: str) -> str:
    if "/" in name or ".." in name or "\0" in name:
        raise ValueError(f"{name!r} is refused, for it could name a file outside the tub")
    return name


def _number_or_none(value: object) -> object:
    return value if isinstance(value, int | float) and math.isfinite(value) else None


_FileName = Annotated[str, AfterValidator(_inside_its_folder)]
_IfNumber = Annotated[float | None, BeforeValidator(_number_or_none)]  # not all cars write these, nor all alike


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class _Catalogs(_Line):
    """The fifth line of manifest.json."""

    paths: list[_FileName]
    deleted_indexes: list[int] = []


class Record(_Line):
    """One moment of a recording. Other columns that a tub may have are not kept."""

    index: Annotated[int, Field(alias="_index")]
    timestamp_ms: Annotated[float, Field(alias="_timestamp_ms")]  # since 1970; of writing, after the frame was taken
    session_id: Annotated[str, Field(alias="_session_id")] = ""  # one per start of the program; "" in the oldest tubs
    angle: Annotated[float | None, Field(alias="user/angle")] = None  # steering, -1 full left to +1 full right
    throttle: Annotated[float | None, Field(alias="user/throttle")] = None  # -1 to +1
    mode: Annotated[str | None, Field(alias="user/mode")] = None  # who drove: user, local_angle or local
    pilot_angle: Annotated[_IfNumber, Field(alias="pilot/angle")] = None  # what a policy said
    pilot_throttle: Annotated[_IfNumber, Field(alias="pilot/throttle")] = None
    car_angle: Annotated[_IfNumber, Field(alias="car/angle")] = None  # what the car was told, after all limits
    car_throttle: Annotated[_IfNumber, Field(alias="car/throttle")] = None
    image: Annotated[_FileName | None, Field(alias="cam/image_array")] = None  # file name in images/

    @property
    def command(self) -> tuple[float, float] | None:
        """Steering and throttle that the car was given, as far as the record tells; by its mode, where no more is told
        than what person and policy said. None where it is not known."""
        told = {
            "user": (self.angle, self.throttle),
            "local_angle": (self.pilot_angle, self.throttle),
            "local": (self.pilot_angle, self.pilot_throttle),
        }.get(self.mode or "user", (None, None))
        steering, throttle = (self.car_angle, self.car_throttle) if self.car_angle is not None else told
        return None if steering is None or throttle is None else (steering, throttle)


class Tub:
    """A Tub v2 folder: its records at once, its images when asked for.

    `records` is in order of index (then of time stamp), without those its owner deleted. It may be empty.
    """

    def __init__(self, path: Path) -> None:
        """Reads the manifest and every catalog.

        Raises TubError where path is no tub, is a Tub v1, lacks its images folder or a catalog, or where a line of the
        manifest or of a catalog is cut short, is not JSON, lacks a value, has one of a wrong type, a NaN, or the name
        of a file outside the tub.
        """
        if not (path / MANIFEST).is_file():
            if any(file for pattern in _V1_FILES for file in path.glob(pattern)):
                raise TubError(
                    f"{path} is a Tub v1, the format of donkeycar before version 4; make a Tub v2 of it with "
                    f"donkeycar's script convert_to_tub_v2 (--tub={path} --output=NEW_FOLDER)"
                )
            raise TubError(f"{path} has no {MANIFEST}, so it is no donkeycar tub; name a folder that has one")
        if not (path / IMAGES).is_dir():
            raise TubError(f"{path} has no folder {IMAGES}; {_COPY_AGAIN}")
        catalogs = _read_manifest(path / MANIFEST)
        deleted = set(catalogs.deleted_indexes)
        records = [
            record for name in catalogs.paths for record in _read_catalog(path / name) if record.index not in deleted
        ]
        self.path = path
        self.records = tuple(sorted(records, key=lambda record: (record.index, record.timestamp_ms)))

    def image(self, record: Record) -> np.ndarray:
        """The record's frame: RGB uint8 (h, w, 3), in the size it was recorded in.

        Raises TubError where the record names none, or where it is missing or broken.
        """
        if record.image is None:
            raise TubError(f"{self.path}: record {record.index} has no cam/image_array; delete that record")
        file = self.path / IMAGES / record.image
        # A power cut leaves NULs at the end, which the decoder may take for a picture; without them it sees the cut.
        encoded = _read(file).rstrip(b"\0")
        try:
            bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:  # an empty file, a picture of absurd size
            bgr = None
        if bgr is None:
            raise TubError(f"{file} is broken; delete record {record.index}, or {_COPY_AGAIN}")
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)

    def images(self) -> Iterator[tuple[Record, np.ndarray]]:
        """The records whose frame can be read, each with it: RGB uint8 (h, w, 3).

        The others are skipped: len(records) less the pairs that came is how many. Raises TubError, at the end, where
        there are records and not one frame could be read.
        """
        readable = False
        for record in self.records:
            try:
                frame = self.image(record)
            except TubError:
                continue
            readable = True
            yield record, frame
        if self.records and not readable:
            raise TubError(f"{self.path}: none of its {len(self.records)} images can be read; {_COPY_AGAIN}")


def find_tubs(path: Path) -> list[Path]:
    """path itself where it is a tub, else the tubs directly in that folder, sorted by name.

    Tubs of version 1 are among them, so that opening one says what to do. Raises TubError where there is none.
    """
    for depth in ("", "*/"):
        tubs = {file.parent for name in (MANIFEST, *_V1_FILES) for file in path.glob(depth + name)}
        if tubs:
            return sorted(tubs)
    cause = "holds no donkeycar tub" if path.is_dir() else "is no folder"
    raise TubError(f"{path} {cause}; name a tub (the folder with {MANIFEST}), or a folder of tubs")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise TubError(f"cannot read {file}: {error.strerror}; {_COPY_AGAIN}") from error


def _lines(file: Path) -> list[tuple[int, bytes]]:
    """Line number, from 1, and content of each line that has any. A power cut leaves NULs in place of text."""
    stripped = ((number, line.strip(b"\0 \t\r")) for number, line in enumerate(_read(file).split(b"\n"), 1))
    return [(number, line) for number, line in stripped if line]


def _read_manifest(file: Path) -> _Catalogs:
    lines = _lines(file)
    if len(lines) < 5:
        raise TubError(f"{file} has {len(lines)} of the 5 lines of a Tub v2; {_COPY_AGAIN}")
    return _parse(_Catalogs, file, *lines[4], _COPY_AGAIN)


def _read_catalog(file: Path) -> list[Record]:
    remedy = "remove that line, or copy the tub from the car again"
    return [_parse(Record, file, number, line, remedy) for number, line in _lines(file)]


_AnyLine = TypeVar("_AnyLine", bound=_Line)


def _parse(kind: type[_AnyLine], file: Path, number: int, line: bytes, remedy: str) -> _AnyLine:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            cause = "is cut short, or is not JSON"
        else:
            cause = ": ".join(["is wrong", *map(str, first["loc"]), first["msg"].removeprefix("Value error, ")])
        raise TubError(f"{file}: line {number} {cause}; {remedy}") from error
