import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settings import PROJECT
from storage import tub_writer
from storage.files import StorageError
from storage.tub import Tub
from storage.tub_writer import TubWriter

COLUMNS = {
    "cam/image_array": "image_array",
    "user/angle": "float",
    "user/throttle": "float",
    "user/mode": "str",
    "pilot/action": "int",
    "latency_ms": "float",
}
FRAME = np.zeros((120, 160, 3), np.uint8) + np.array([10, 60, 230], np.uint8)  # RGB


def values(index: int) -> dict:
    return {
        "cam/image_array": FRAME,
        "user/angle": np.float32(index / 1000),
        "user/throttle": None,
        "user/mode": "local",
        "pilot/action": np.int64(3),
        "latency_ms": float("nan") if index % 2 else 2.5,
    }


def donkeys(path: Path) -> list[dict]:
    """What donkeycar's own reader makes of it."""
    from donkeycar.parts.tub_v2 import Tub as DonkeyTub

    tub = DonkeyTub(str(path), read_only=True)
    records = list(tub)
    tub.close()
    return records


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Ten records a catalog."""
    monkeypatch.setattr(tub_writer, "CATALOG_RECORDS", 10)
    return 10


def test_both_readers_read_it(tmp_path: Path, few: int) -> None:
    writer = TubWriter(tmp_path / "drive", COLUMNS)
    for index in range(2 * few + 5):
        writer.write(values(index))
    writer.delete_last(2)
    writer.close()
    tub = Tub(tmp_path / "drive")
    theirs = donkeys(tmp_path / "drive")
    assert [record.index for record in tub.records] == [record["_index"] for record in theirs] == [*range(2 * few + 3)]
    for (record, frame), their in zip(tub.images(), theirs, strict=True):
        assert np.abs(frame.astype(int) - FRAME).max() < 6  # RGB, and not BGR
        assert record.angle == their["user/angle"] == pytest.approx(record.index / 1000)
        assert (record.throttle, record.mode, their["pilot/action"]) == (None, "local", 3)
        assert ("latency_ms" in their) == (record.index % 2 == 0)
        assert record.session_id == their["_session_id"]
    assert len(list((tmp_path / "drive").glob("*.catalog"))) == 3


def test_donkeycar_goes_on_with_it(tmp_path: Path, few: int) -> None:
    """Its tools mark records as deleted, and append."""
    from donkeycar.parts.tub_v2 import Tub as DonkeyTub

    writer = TubWriter(tmp_path / "drive", COLUMNS)
    for index in range(few + 2):
        writer.write(values(index))
    writer.close()
    donkey = DonkeyTub(str(tmp_path / "drive"))
    assert len(donkey) == few + 2
    donkey.write_record({"cam/image_array": FRAME, "user/angle": 0.5})
    donkey.delete_records([0, few])
    donkey.close()
    assert [record.index for record in Tub(tmp_path / "drive").records] == [*range(1, few), few + 1, few + 2]
    sessions = json.loads((tmp_path / "drive" / "manifest.json").read_text().splitlines()[3])["sessions"]
    assert len(set(sessions["all_full_ids"])) == 2


@given(st.integers(1, 35), st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_at_any_moment_it_can_be_read(tmp_path_factory: pytest.TempPathFactory, count: int, deleted: int) -> None:
    path = tmp_path_factory.mktemp("tub") / "drive"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tub_writer, "CATALOG_RECORDS", 10)
        writer = TubWriter(path, {"user/angle": "float"})
        (path / "images").mkdir(parents=True)
        for index in range(count):
            writer.write({"user/angle": 0.1})
            if index in (0, 9, 10):
                assert len(Tub(path).records) == index + 1
        assert len(Tub(path).records) == len(donkeys(path)) == count
        writer.delete_last(deleted)
        assert len(Tub(path).records) == len(donkeys(path)) == max(0, count - deleted)


def test_grey_frames_become_what_donkeycar_expects(tmp_path: Path) -> None:
    writer = TubWriter(tmp_path / "drive", COLUMNS)
    writer.write({"cam/image_array": FRAME[:, :, 0]})
    writer.close()
    [(_, frame)] = Tub(tmp_path / "drive").images()
    assert frame.shape == (120, 160, 3)
    assert np.abs(frame.astype(int) - 10).max() < 4


def test_without_a_record_there_is_no_tub(tmp_path: Path) -> None:
    writer = TubWriter(tmp_path / "drive", COLUMNS)
    writer.delete_last(3)
    writer.close()
    assert not (tmp_path / "drive").exists()


WRITES = """
import sys
from pathlib import Path
sys.path.insert(0, {project!r})
from storage import tub_writer
from tests.storage.test_tub_writer import COLUMNS, values
tub_writer.CATALOG_RECORDS = 10
writer = tub_writer.TubWriter(Path({path!r}), COLUMNS)
"""


@pytest.mark.parametrize("after", [1, 9, 10, 11, 37])
def test_a_kill_costs_at_most_the_record_in_hand(tmp_path: Path, after: int) -> None:
    program = WRITES.format(project=str(PROJECT), path=str(tmp_path / "drive"))
    program += "for index in range(10**6):\n    writer.write(values(index))\n    print(index, flush=True)\n"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    written = 0
    for line in process.stdout:
        written = int(line) + 1
        if written == after:
            process.send_signal(signal.SIGKILL)
    process.wait()
    tub = Tub(tmp_path / "drive")
    assert [record.index for record in tub.records][:written] == [*range(written)]
    assert len(tub.records) <= written + 1
    assert len(list(tub.images())) == len(tub.records) == len(donkeys(tmp_path / "drive"))


def test_a_full_disk_leaves_a_tub_that_both_read_and_the_writer_may_go_on(tmp_path: Path) -> None:
    """The disk: no file of this process may grow beyond 2,000 bytes, which a catalog soon wants to; then it may."""
    program = WRITES.format(project=str(PROJECT), path=str(tmp_path / "drive"))
    program += """
import resource
from storage.files import StorageError
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
tub_writer.CATALOG_RECORDS = 1000
written = 0
try:
    for index in range(100):
        writer.write(values(index))
        written += 1
except StorageError as error:
    print(error)
try:
    writer.write(values(index))
except StorageError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.write(values(index))
print(written + 1)
"""
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT, timeout=60, check=True
    )
    first, second, written = process.stdout.splitlines()
    assert first == second
    assert first.startswith(f"cannot write {tmp_path / 'drive'}: ")
    assert "; " in first
    assert int(written) > 2
    assert len(Tub(tmp_path / "drive").records) == len(donkeys(tmp_path / "drive")) == int(written)
    assert len(list(Tub(tmp_path / "drive").images())) == int(written)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    writer = TubWriter(tmp_path / "file" / "drive", COLUMNS)
    with pytest.raises(StorageError, match="cannot write .*; "):
        writer.write(values(0))
    writer.close()


def test_the_manifest_keeps_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tub_writer, "MANIFEST_PERIOD_S", 0.05)
    writer = TubWriter(tmp_path / "drive", COLUMNS)
    writer.write(values(0))
    time.sleep(0.1)
    writer.write(values(1))
    last = json.loads((tmp_path / "drive" / "manifest.json").read_text().splitlines()[4])
    assert last["current_index"] == 2
