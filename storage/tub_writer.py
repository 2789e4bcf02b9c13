"""Writes a donkeycar Tub v2, which storage/tub.py and donkeycar's own tools read.

donkeycar's writer cuts the last line off manifest.json and writes it anew with each record: killed in between, or on a
full disk, it leaves a tub that nothing opens. Here a record is its image, then one line at the end of a catalog; the
manifest is replaced whole, now and then. At any moment the tub can be read, but for the record in hand.
"""

import errno
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from storage.files import StorageError, remedy, write_file

ColumnType = Literal["float", "int", "str", "boolean", "image_array"]
Value = float | int | str | bool | NDArray[np.uint8] | None

CATALOG_RECORDS = 1000
MANIFEST_PERIOD_S = 5.0  # how old its count may be after a kill; the records are all there
JPEG_QUALITY = 90


class TubWriter:
    """Appends records to a new tub. Its folder appears with the first record, so a drive without any leaves none.

    Not for several threads at once.
    """

    def __init__(
        self,
        path: Path,
        columns: Mapping[str, ColumnType],
        *,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        """path: must not exist yet. columns: name -> donkeycar's name of its type."""
        self.path = path
        self._columns, self._clock_s = dict(columns), clock_s
        self._created_s = clock_s()
        self._session = f"{time.strftime('%y-%m-%d', time.localtime(self._created_s))}_0"
        self._lengths: list[int] = []  # bytes of each line of the catalog that is being written
        self._deleted: set[int] = set()
        self._catalog: int | None = None  # its descriptor
        self._manifest_s = 0.0  # monotonic, when it was written
        self._listed = 0  # catalogs that it lists
        self.records = 0

    def write(self, values: Mapping[str, Value]) -> None:
        """Append a record. A value that is None, or no number where one belongs, is left out.

        image_array: uint8, RGB (h, w, 3), or grey (h, w), which is stored as RGB, for donkeycar's tools expect that.
        Raises StorageError (disk full, ...); what was recorded before can still be read, and the next call may succeed.
        """
        index = self.records
        record: dict[str, Any] = {
            "_index": index,
            "_session_id": self._session,
            "_timestamp_ms": round(1000 * self._clock_s()),
        }
        try:
            for column, kind in self._columns.items():
                value = values.get(column)
                if isinstance(value, np.ndarray):
                    record[column] = self._write_image(f"{index}_{column.replace('/', '_')}_.jpg", value)
                elif value is not None and not (kind == "float" and not math.isfinite(float(value))):
                    record[column] = _PLAIN[kind](value)
            if index % CATALOG_RECORDS == 0:
                self._begin_catalog(index // CATALOG_RECORDS)
            self._append((json.dumps(record, allow_nan=False, sort_keys=True) + "\n").encode())
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror}; {remedy(error)}") from error
        self.records = index + 1
        if self._catalogs > self._listed or time.monotonic() - self._manifest_s > MANIFEST_PERIOD_S:
            self._write_manifest()

    def delete_last(self, count: int) -> None:
        """Mark the last records that are left as deleted, as donkeycar does. Raises StorageError."""
        left = [index for index in range(self.records) if index not in self._deleted]
        self._deleted.update(left[-count:] if count else [])
        if self.records:
            self._write_manifest()

    def close(self) -> None:
        """Complete the manifests. Raises StorageError; what was recorded can be read even so."""
        if self._catalog is None:
            return
        if self.records:
            self._end_catalog()
            self._write_manifest()

    @property
    def _catalogs(self) -> int:
        return -(-self.records // CATALOG_RECORDS)

    def _write_image(self, name: str, frame: NDArray[np.uint8]) -> str:
        bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR if frame.ndim == 3 else cv2.COLOR_GRAY2BGR)
        jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        file = self.path / "images" / name
        if self.records == 0:
            file.parent.mkdir(parents=True, exist_ok=True)
        try:
            file.write_bytes(jpeg)
        except OSError:
            file.unlink(missing_ok=True)
            raise
        return name

    def _begin_catalog(self, number: int) -> None:
        if self._lengths:
            self._end_catalog()
        self.path.mkdir(parents=True, exist_ok=True)
        if self._catalog is None:  # else it was begun when the disk was full
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
            self._catalog = os.open(self.path / f"catalog_{number}.catalog", flags, 0o644)
        self._write_catalog_manifest(number, [])  # without lengths a reader counts for itself

    def _append(self, line: bytes) -> None:
        """The whole line, or none of it."""
        assert self._catalog is not None  # noqa: S101 - a catalog was begun with record 0
        before = sum(self._lengths)
        try:
            if os.write(self._catalog, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._catalog, before)
            raise
        self._lengths.append(len(line))

    def _end_catalog(self) -> None:
        """Full, or the last: on disk, with the lengths of its lines."""
        assert self._catalog is not None  # noqa: S101
        catalog, self._catalog = self._catalog, None
        lengths, self._lengths = self._lengths, []
        try:
            os.fsync(catalog)
        finally:
            os.close(catalog)
        self._write_catalog_manifest(self._catalogs - 1, lengths)

    def _write_catalog_manifest(self, number: int, lengths: list[int]) -> None:
        content = {
            "created_at": self._created_s,
            "line_lengths": lengths,
            "path": f"catalog_{number}.catalog_manifest",
            "start_index": number * CATALOG_RECORDS,
        }
        write_file(self.path / f"catalog_{number}.catalog_manifest", _lines(content))

    def _write_manifest(self) -> None:
        sessions = {"all_full_ids": [self._session], "last_full_id": self._session, "last_id": 0}
        content = _lines(
            list(self._columns),
            list(self._columns.values()),
            {},
            {"created_at": self._created_s, "sessions": sessions},
            {
                "current_index": self.records,
                "deleted_indexes": sorted(self._deleted),
                "max_len": CATALOG_RECORDS,
                "paths": [f"catalog_{number}.catalog" for number in range(self._catalogs)],
            },
        )
        write_file(self.path / "manifest.json", content)
        self._manifest_s, self._listed = time.monotonic(), self._catalogs


_PLAIN: dict[str, Callable[[Any], float | int | str | bool]] = {"float": float, "int": int, "str": str, "boolean": bool}


def _lines(*contents: object) -> bytes:
    return "".join(json.dumps(content, allow_nan=False) + "\n" for content in contents).encode()
