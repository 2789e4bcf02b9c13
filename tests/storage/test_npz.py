import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from storage.npz import NpzError, pack, unpack

MB = 1_000_000
PLAIN = st.sampled_from(["|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8"])
ARRAYS = st.dictionaries(
    st.text("abc.xyz_0123456789", min_size=1, max_size=10),
    PLAIN.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))),
    min_size=1,
)


@given(ARRAYS)
@settings(max_examples=60, deadline=None)
def test_what_was_packed_is_unpacked_here_and_by_numpy(arrays: dict[str, np.ndarray]) -> None:
    content = pack(arrays)
    with np.load(io.BytesIO(content), allow_pickle=False) as by_numpy:
        for found in (unpack(content, MB), dict(by_numpy)):
            assert found.keys() == arrays.keys()
            for name, array in arrays.items():
                assert found[name].dtype == array.dtype
                np.testing.assert_array_equal(found[name], array, strict=True)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    assert unpack(buffer.getvalue(), MB).keys() == arrays.keys()


def test_the_same_arrays_make_the_same_bytes() -> None:
    assert pack({"a": np.arange(3)}) == pack({"a": np.arange(3)})


def member(name: str, header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """An npz of one array with this header, whatever it says."""
    padded = header.encode() + b" " * 10 + b"\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, b"\x93NUMPY" + version + len(padded).to_bytes(2, "little") + padded + data)
    return buffer.getvalue()


HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }"


class Trap:
    """What a pickle would do."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_hostile_files_are_refused_each_with_its_reason() -> None:
    pickled = io.BytesIO()
    np.savez(pickled, a=np.array([Trap()], dtype=object))
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as file:
        file.writestr("a.npy", b"x")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("a.npy", b"x")
    bomb = pack({"a": np.zeros(60 * MB, np.uint8)})
    assert len(bomb) < MB
    for content, reason in (
        (pickled.getvalue(), "plain numbers"),
        (member("a.npy", HEADER % ("|O", "(1,)"), pickle.dumps(Trap())), "plain numbers"),
        (member("a.npy", HEADER % ("<U9", "(1,)"), b"x" * 36), "plain numbers"),
        (member("a.npy", HEADER % ("|u1", "__import__('os').abort()")), "plain numbers"),
        (member("a.npy", HEADER % ("|u1", "(999999999999, 999999999999)"), b"x"), "as large as its shape"),
        (member("a.npy", HEADER % ("|u1", "(4,)"), b"xxx"), "as large as its shape"),
        (member("a.npy", HEADER % ("|u1", "(2,)"), b"xxx"), "as large as its shape"),
        (member("a.npy", HEADER % ("|u1", "(-1,)"), b"xxx"), "plain numbers"),
        (member("a.npy", "(" * 5000, b""), "plain numbers"),
        (member("a.npy", HEADER % ("|u1", "(1,)"), b"x", b"\x02\x00"), "no array"),
        (member("../../etc/x", "", b"")[:-30], "no npz file"),
        (twice.getvalue(), "one name"),
        (bomb, "60 MB, and 1 is the most"),
        (b"", "no npz file"),
        (b"PK\x03\x04" + b"x" * 100, "no npz file"),
    ):
        with pytest.raises(NpzError, match=reason) as caught:
            unpack(content, MB)
        assert "\n" not in str(caught.value)


def test_a_directory_that_lies_about_sizes_gets_no_more_memory_than_it_claims() -> None:
    content = bytearray(pack({"a": np.zeros(2 * MB, np.uint8)}))
    size = (2 * MB + 128).to_bytes(4, "little")
    assert content.count(size) >= 1
    lying = bytes(content).replace(size, (500_000).to_bytes(4, "little"))
    with pytest.raises(NpzError):
        unpack(lying, MB)


@given(st.integers(0, 10**6), st.integers(0, 7), st.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_or_a_cut_is_refused_or_harmless(where: int, bit: int, cut: int) -> None:
    arrays = {"a": np.arange(50, dtype=np.float32), "facts": np.frombuffer(b"hello", np.uint8)}
    content = bytearray(pack(arrays))
    content[where % len(content)] ^= 1 << bit
    for broken in (bytes(content), bytes(content)[: cut % len(content)]):
        try:
            found = unpack(broken, MB)
        except NpzError:
            continue
        for name in found.keys() & arrays.keys():  # a date, a flag: what is told is told rightly
            np.testing.assert_array_equal(found[name], arrays[name])
