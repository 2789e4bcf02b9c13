"""Files on their way to a place: to a real S3 server that is stopped, killed and started again."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from settings import PROJECT, S3Settings
from storage import outbox as module
from storage.folder import FolderPlace
from storage.outbox import MOST_IN_HAND, Outbox, open_outbox
from storage.place import Place, open_place
from storage.seaweed import Identity, SeaweedServer
from storage.simcache import Transitions
from storage.simcache_library import open_library
from storage.simcache_writer import SimCacheWriter
from tests.conftest import CAR, OWNER
from tests.storage.test_simcache import FACTS, picture

MB = 1_000_000
NO_S3 = S3Settings()


def names(place: Place) -> list[str]:
    return [entry.name for entry in place.entries()]


def eventually(true: Callable[[], bool], longest_s: float = 60) -> None:
    deadline = time.monotonic() + longest_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_put_arrives(where: str, tmp_path: Path) -> None:
    outbox = open_outbox(where, tmp_path / "queues", MB, NO_S3)
    for number in range(5):
        outbox.put(lambda number=number: (f"{number}.npz", bytes([number]) * 1000))
    outbox.close(30)
    place = open_place(where)
    assert names(place) == [f"{number}.npz" for number in range(5)]
    assert place.read("3.npz", MB) == bytes([3]) * 1000
    assert (outbox.made, outbox.dropped, outbox.waiting, outbox.note) == (5, 0, 0, "")


def numbered(put: Callable[[Transitions], object], size: int) -> SimCacheWriter:
    """Every transition of it has its own number for a reward."""
    return SimCacheWriter(FACTS, size, put)


def drive(writer: SimCacheWriter, numbers: range) -> None:
    for number in numbers:
        if number % 50 == 0:
            writer.begin(picture(number))
        writer.add(number % 7, float(number), number % 50 == 49, False, picture(number + 1), {})


def recorded(where: str, tmp_path: Path) -> list[float]:
    library = open_library(where, tmp_path / "caches", 100 * MB, NO_S3)
    return sorted(np.concatenate([library.load(entry.name).reward for entry in library.entries]).tolist())


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_ten_thousand_transitions_while_the_server_is_stopped_and_started_again_none_lost_none_doubled(
    s3_server: SeaweedServer, s3: object, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 1.0)
    where = f"s3://recordings/{end}"
    outbox = open_outbox(where, tmp_path / "queues", 100 * MB, NO_S3)
    writer = numbered(lambda file: outbox.put(file.encode, wait=True), 100)
    drive(writer, range(3000))
    eventually(lambda: len(names(open_place(where))) >= 5)  # in full flow
    getattr(s3_server, end)()
    try:
        drive(writer, range(3000, 7000))
        eventually(lambda: "files wait in" in outbox.note and outbox.waiting >= 39)
    finally:
        s3_server.start()
    drive(writer, range(7000, 10_000))
    writer.close()
    outbox.close(120)
    assert (outbox.made, outbox.dropped, outbox.waiting, outbox.note) == (100, 0, 0, "")
    assert recorded(where, tmp_path) == list(range(10_000))


CRASHING = """
import sys
from pathlib import Path
from settings import S3Settings
from storage.outbox import open_outbox
from tests.storage.test_outbox import drive, numbered
outbox = open_outbox("s3://recordings/crash", Path(sys.argv[1]), 10**8, S3Settings(endpoint=sys.argv[2] or None))
writer = numbered(lambda file: outbox.put(file.encode, wait=True), 100)
drive(writer, range(1050))
while outbox.made < 10:
    pass
print("made", flush=True)
sys.stdin.read()
"""


def test_a_crash_loses_at_most_the_file_in_hand_and_the_next_one_sends_the_others(s3: object, tmp_path: Path) -> None:
    """Killed while the server cannot be reached: what had been put on disk arrives with the next start."""
    nobody = "http://127.0.0.1:9"
    process = subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(tmp_path / "queues"), nobody],
        cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "made\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    outbox = open_outbox("s3://recordings/crash", tmp_path / "queues", 100 * MB, NO_S3)
    assert outbox.waiting == 10
    outbox.close(60)
    assert outbox.waiting == 0
    assert recorded("s3://recordings/crash", tmp_path) == list(range(1000))  # all but the fifty in hand


@pytest.mark.parametrize("key", [OWNER, CAR])
def test_what_arrived_unheard_is_not_there_twice(
    s3: object, key: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is in the bucket and still in the queue: the server died between the two. Also with a key that may only
    write there."""
    where = f"s3://recordings/unheard-{key.name}"
    place, queue = open_place(where), FolderPlace(tmp_path)
    place.write("one.npz", b"one")
    queue.write("one.npz", b"one")
    for name, value in key.environment.items():
        monkeypatch.setenv(name, value)
    outbox = Outbox(open_place(where), queue, MB)
    outbox.close(30)
    assert outbox.note == ""
    assert names(place) == ["one.npz"]
    assert names(queue) == []


def test_what_lies_in_the_way_is_said_and_holds_up_no_other(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.1)
    queue = FolderPlace(tmp_path / "queue")
    place.write("1.npz", b"on")  # broken there
    place.write("2.npz", b"two and more")
    for number, content in enumerate((b"one", b"two", b"three"), 1):
        queue.write(f"{number}.npz", content)
    outbox = Outbox(place, queue, MB)
    eventually(lambda: names(queue) == ["1.npz", "2.npz"])
    eventually(lambda: "has another 2.npz, broken there or here; remove one" in outbox.note)
    assert (place.read("1.npz", MB), place.read("3.npz", MB)) == (b"on", b"three")
    place.delete("1.npz")
    eventually(lambda: names(queue) == ["2.npz"])
    assert place.read("1.npz", MB) == b"one"
    outbox.close(30)  # does not wait for what cannot be sent
    assert names(queue) == ["2.npz"]
    assert place.read("2.npz", MB) == b"two and more"


class Slow(FolderPlace):
    """A folder on a disk that waits for its turn."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.turn = threading.Event()

    def write(self, name: str, content: bytes, *, only_if: str | None = None) -> None:
        self.turn.wait(20)
        super().write(name, content, only_if=only_if)


def test_a_slow_disk_costs_files_never_a_round(tmp_path: Path) -> None:
    place = Slow(tmp_path)
    outbox = Outbox(place, None, MB)
    for number in range(MOST_IN_HAND + 11):
        outbox.put(lambda number=number: (f"{number}.npz", b"x"))
    assert 10 <= outbox.dropped <= 11  # one is in the writer's hand, perhaps
    assert outbox.note == f"{outbox.dropped} files were lost: the disk is too slow"
    place.turn.set()
    outbox.close(1)
    assert outbox.made + outbox.dropped == MOST_IN_HAND + 11


def test_a_slow_link_holds_up_nobody_and_a_full_queue_is_said(tmp_path: Path) -> None:
    place, queue = Slow(tmp_path / "place"), FolderPlace(tmp_path / "queue")
    outbox = Outbox(place, queue, 4500)
    for number in range(6):
        outbox.put(lambda number=number: (f"{number}.npz", bytes(1000)))
    eventually(lambda: outbox.made + outbox.dropped == 6)
    assert (outbox.made, outbox.dropped) == (4, 2)
    assert "2 files were lost: the queue of 0 MB in" in outbox.note
    assert outbox.note.endswith("is full")
    outbox.close(0.2)  # it does not wait for the link
    assert names(queue) == [f"{number}.npz" for number in range(4)]
    place.turn.set()
    eventually(lambda: not names(queue))
    assert names(place) == [f"{number}.npz" for number in range(4)]


def test_a_disk_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("a file, where a folder should be")
    outbox = Outbox(FolderPlace(tmp_path / "place"), None, MB)
    outbox.put(lambda: ("1.npz", b"x"))
    outbox.close(1)
    assert outbox.dropped == 1
    assert outbox.note.startswith("1 files were lost: cannot write")
