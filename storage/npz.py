"""Arrays in one npz file that may come from anywhere: plain numbers only, all measured before it is unpacked.

numpy's own reader takes a header's word for how much memory an array needs, and its headers are Python literals. Here a
header has the one form that numpy writes, and all sizes together are known before the first byte is unpacked.
"""

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from errors import UserError

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([|<][buif][1248])', 'fortran_order': False, 'shape': \(((?:\d{1,12},? ?){0,8})\), \} *\n"
)
_DTYPES = {"|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8"}
_LONGEST_HEADER = 1000  # bytes
_COMPRESSION = 1  # of 9; more takes twice the time, and gains a tenth


class NpzError(UserError):
    """No such file, or a broken or a hostile one. The message is the cause alone: the caller knows the remedy."""


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An npz file, compressed, of arrays of numbers or bools; `numpy.load` reads it too."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION) as file:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # of 1980: the same arrays make the same bytes
            member.compress_type = zipfile.ZIP_DEFLATED
            with file.open(member, "w") as stream:
                np.save(stream, np.asarray(array, order="C"), allow_pickle=False)
    return buffer.getvalue()


def unpack(content: bytes, most_bytes: int) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name, of at most most_bytes together, unpacked. Raises NpzError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = file.infolist()
            if len({member.filename for member in members}) != len(members):
                raise NpzError("two of its arrays have one name")
            claimed = sum(member.file_size for member in members)
            if claimed > most_bytes:
                raise NpzError(f"unpacked it would take {claimed / 1e6:.0f} MB, and {most_bytes / 1e6:.0f} is the most")
            return {member.filename.removesuffix(".npy"): _array(file, member) for member in members}
    except (
        zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OverflowError, NotImplementedError,
        RuntimeError,  # a password
    ) as error:  # fmt: skip
        raise NpzError(f"it is broken, or no npz file ({error})") from error


def _array(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One array. ZipFile unpacks no more than the size that its directory claims, which was measured above."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NpzError("its compression is not that of npz files")
    with file.open(member) as stream:
        start = stream.read(len(_MAGIC) + 2)
        if start[: len(_MAGIC)] != _MAGIC or len(start) != len(_MAGIC) + 2:
            raise NpzError(f"{member.filename[:80]!r} is no array")
        header = stream.read(min(int.from_bytes(start[-2:], "little"), _LONGEST_HEADER))
        found = _HEADER.fullmatch(header)
        if not found or (dtype := found[1].decode()) not in _DTYPES:
            raise NpzError(f"{member.filename[:80]!r} is no array of plain numbers")
        shape = tuple(int(length) for length in re.findall(rb"\d+", found[2]))
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size != member.file_size - len(start) - len(header):
            raise NpzError(f"{member.filename[:80]!r} is not as large as its shape says")
        data = stream.read()  # to the end: there its checksum is compared
    if len(data) != size:
        raise NpzError(f"{member.filename[:80]!r} is cut short")
    return np.frombuffer(bytearray(data), dtype).reshape(shape)
