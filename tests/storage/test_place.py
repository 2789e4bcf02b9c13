import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settings import S3Settings
from storage.files import StorageError
from storage.place import (
    ABSENT,
    BadNameError,
    ConflictError,
    NotFoundError,
    Place,
    TooLargeError,
    check_name,
    is_name,
    open_place,
)

MOST = 1 << 22


def test_what_was_written_is_read(place: Place) -> None:
    content = os.urandom(3_000_000)
    place.write("a/b.bin", b"older")
    place.write("a/b.bin", content)
    assert place.read("a/b.bin", len(content)) == content
    pieces = list(place.stream("a/b.bin", MOST))
    assert b"".join(pieces) == content
    assert len(pieces) > 1
    assert max(map(len, pieces)) <= 1 << 20
    place.write("empty", b"")
    assert place.read("empty", 0) == b""


def test_what_is_not_there_is_told(place: Place) -> None:
    for read in (place.read, place.read_tagged, lambda *a: list(place.stream(*a))):
        with pytest.raises(NotFoundError, match="nothing/here.* does not exist"):
            read("nothing/here", MOST)
    place.delete("nothing/here")
    assert list(place.entries()) == []


def test_what_is_larger_than_its_reader_takes_is_not_read(place: Place) -> None:
    place.write("large", bytes(1000))
    assert len(place.read("large", 1000)) == 1000
    for read in (place.read, place.read_tagged):
        with pytest.raises(TooLargeError, match="1000 bytes, and at most 999 are taken"):
            read("large", 999)


def test_a_version_is_replaced_only_by_who_knows_it(place: Place) -> None:
    place.write("one", b"1", only_if=ABSENT)
    with pytest.raises(ConflictError, match="somebody else"):
        place.write("one", b"2", only_if=ABSENT)
    content, first = place.read_tagged("one", MOST)
    assert content == b"1"
    place.write("one", b"2", only_if=first)
    with pytest.raises(ConflictError, match="somebody else"):
        place.write("one", b"3", only_if=first)
    assert place.read("one", MOST) == b"2"
    _, second = place.read_tagged("one", MOST)
    assert second != first
    place.delete("one")
    with pytest.raises(ConflictError):
        place.write("one", b"3", only_if=second)
    with pytest.raises(NotFoundError):
        place.read("one", MOST)


@pytest.mark.parametrize("exists", [False, True])
def test_of_eight_who_write_at_once_one_wins(place: Place, exists: bool) -> None:
    if exists:
        place.write("contested", b"before")
    tag = place.read_tagged("contested", MOST)[1] if exists else ABSENT
    barrier, won, lost = threading.Barrier(8), [], []

    def contend(number: int) -> None:
        barrier.wait()
        try:
            place.write("contested", f"{number}".encode(), only_if=tag)
            won.append(number)
        except ConflictError:
            lost.append(number)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    assert place.read("contested", MOST) == f"{won[0]}".encode()


def test_a_listing_tells_names_and_sizes(place: Place) -> None:
    names = ["a", "b-c", "b.d", "b/a", "b/c/d", "b/e", "b0", "c"]
    for size, name in enumerate(names):
        place.write(name, bytes(size))
    found = sorted(place.entries(), key=lambda entry: entry.name)
    assert [(entry.name, entry.size_bytes) for entry in found] == [(name, size) for size, name in enumerate(names)]
    assert all(entry.modified.utcoffset().total_seconds() == 0 for entry in found)
    assert [entry.name for entry in place.entries("b/c")] == ["b/c/d"]
    assert {entry.name for entry in place.entries("b")} == {name for name in names if name.startswith("b")}
    assert list(place.entries("b/c/d/")) == []
    place.delete("b/a")
    assert {entry.name for entry in place.entries("b/")} == {"b/c/d", "b/e"}
    assert [entry.name for entry in place.entries() if "/" not in entry.name] == ["a", "b-c", "b.d", "b0", "c"]


def test_a_listing_of_many_pages_is_whole(s3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.s3._PAGE", 10)
    place = open_place("s3://recordings/many")
    for number in range(45):
        place.write(f"{number:02d}", b"")
    assert [entry.name for entry in place.entries()] == [f"{number:02d}" for number in range(45)]


BAD_NAMES = ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a/.lock", "a b", "ä", "a\n", "a\0", "a\\b"]


@pytest.mark.parametrize("name", [*BAD_NAMES, "x" * 161, "x/" * 300 + "x"])
def test_a_name_that_could_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    place = open_place(tmp_path / "place")
    (tmp_path / "up").write_text("secret")
    for call in (
        lambda: place.read(name, MOST),
        lambda: place.read_tagged(name, MOST),
        lambda: place.write(name, b""),
        lambda: place.write(name, b"", only_if=ABSENT),
        lambda: place.delete(name),
    ):
        with pytest.raises(BadNameError, match="is refused as the name of a file"):
            call()
    assert (tmp_path / "up").read_text() == "secret"


def test_an_s3_place_refuses_such_names_too(s3) -> None:
    place = open_place("s3://models/x")
    for call in (lambda: place.read("../y", MOST), lambda: place.write("../y", b""), lambda: place.delete("../y")):
        with pytest.raises(BadNameError):
            call()


@given(st.text(max_size=40) | st.text("ab./_-", max_size=12))
@settings(deadline=None)
def test_a_name_that_is_taken_stays_in_the_folder(name: str) -> None:
    if is_name(name):
        assert check_name(name) == name
        assert Path(os.path.normpath(Path("/place") / name)) == Path("/place") / name
        assert name == "/".join(Path(name).parts)
        assert not any(part.startswith(".") for part in name.split("/"))
    else:
        with pytest.raises(BadNameError):
            check_name(name)


@pytest.mark.parametrize("where", ["s3:bucket/x", "s3://", "s3:///x", "s3://UPPER/x", "s3://b/x", "s3://bucket/../x"])
def test_what_is_no_bucket_is_told(where: str) -> None:
    with pytest.raises(StorageError, match="is no address of a bucket; write s3://BUCKET/PREFIX"):
        open_place(where)


def test_another_kind_of_address_is_told() -> None:
    with pytest.raises(StorageError, match="http://host/x is no place for files"):
        open_place("http://host/x", S3Settings())
