import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from car import recorder as module
from car.recorder import MOST_WAITING, Recorder
from car.wheel import PRETRAINED
from models.folder import MODEL, load_model
from storage.files import StorageError
from storage.tub import Tub
from storage.tub_writer import TubWriter
from tests.car.page.car import FRAME, eventually
from tests.storage.test_tub_writer import donkeys

SHIPPED = load_model(PRETRAINED)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path / "drives")
    yield recorder
    recorder.shutdown()


def drive(recorder: Recorder, recording: bool | None = True, **other: object) -> tuple[bool, int, str]:
    row = {
        "frame": FRAME,
        "user_steering": -0.25,
        "user_throttle": 0.1,
        "mode": "local_angle",
        "pilot_steering": 0.6,
        "pilot_throttle": 0.2,
        "action": 5,
        "advantages": np.array([0, 1, 4, 2.5], np.float32),
        "steering": 0.6,
        "throttle": 0.1,
        "t_capture_ns": 10_000_000,
        "t_command_ns": 12_500_000,
        "model": SHIPPED,
    } | other
    return recorder.run(recording, **row)


def test_a_drive_is_recorded_with_what_the_policy_thought(recorder: Recorder) -> None:
    assert drive(recorder, False) == (False, 0, "")
    assert drive(recorder, None) == (False, 0, "")
    for _ in range(3):
        drive(recorder)
    drive(recorder, False)
    drive(recorder, action=None, advantages=None, pilot_steering=None, pilot_throttle=None, model=None)
    recorder.shutdown()
    records = donkeys(recorder.path)
    assert len(records) == len(Tub(recorder.path).records) == len(list(Tub(recorder.path).images())) == 4
    expected = {
        "user/angle": -0.25,
        "user/throttle": 0.1,
        "user/mode": "local_angle",
        "pilot/angle": 0.6,
        "pilot/throttle": 0.2,
        "pilot/action": 5,
        "pilot/advantage_gap": 1.5,
        "car/angle": 0.6,
        "car/throttle": 0.1,
        "latency_ms": 2.5,
        "model/id": f"{SHIPPED.manifest.name}@{SHIPPED.manifest.files[MODEL].sha256[:12]}",
    }
    assert expected.items() <= records[0].items()
    assert "pilot/action" not in records[3]
    assert "model/id" not in records[3]


def test_the_frame_is_its_own(recorder: Recorder) -> None:
    """A camera uses its memory again before the record is written."""
    frame = np.zeros((120, 160, 3), np.uint8)
    drive(recorder, frame=frame)
    frame[:] = 255
    recorder.shutdown()
    [(_, image)] = Tub(recorder.path).images()
    assert image.max() < 10


def test_a_slow_disk_costs_records_never_a_round(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = threading.Event()
    write = TubWriter.write
    monkeypatch.setattr(TubWriter, "write", lambda *given: (turns.wait(10), write(*given)))
    for _ in range(MOST_WAITING + 31):  # one is in the writer's hand
        recording, _, note = drive(recorder)
    assert recording
    assert 29 <= recorder.dropped <= 31
    assert note == f"{recorder.dropped} records were not taken: the disk is too slow"
    turns.set()
    recorder.shutdown()
    assert recorder.records + recorder.dropped == MOST_WAITING + 31


def test_a_full_disk_ends_the_recording_and_says_so_and_the_driver_may_try_again(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, write = [True], TubWriter.write

    def on_a_full_disk(writer: TubWriter, values: dict) -> None:
        if full[0]:
            raise StorageError("cannot write it: no space; free some")
        write(writer, values)

    monkeypatch.setattr(TubWriter, "write", on_a_full_disk)
    drive(recorder)
    eventually(lambda: recorder._failed)
    stopped = (False, 0, "recording stopped: cannot write it: no space; free some")
    assert drive(recorder) == stopped
    assert drive(recorder, False) == stopped
    full[0] = False
    assert drive(recorder) == (True, 0, "")
    eventually(lambda: recorder.records == 1)
    assert drive(recorder, False) == (False, 1, "")


def test_the_pads_button_deletes_the_last_records(recorder: Recorder) -> None:
    recorder.delete_last_n_records(100)  # there are none
    for _ in range(5):
        drive(recorder)
    recorder.delete_last_n_records(2)
    drive(recorder)
    recorder.shutdown()
    assert [record.index for record in Tub(recorder.path).records] == [0, 1, 2, 5]


def test_two_drives_in_one_second_are_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = datetime(2026, 11, 22, 14, 5, 9).astimezone()
    monkeypatch.setattr(module, "now", lambda: began)
    names = []
    for _ in range(3):
        recorder = Recorder(tmp_path)
        recorder.path.mkdir()
        names.append(recorder.path.name)
    assert names == ["2026-11-22-140509-tub", "2026-11-22-140509-tub-2", "2026-11-22-140509-tub-3"]
