"""The recordings' addresses, on a real server and real tubs; what works on them are real processes."""

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from car.page.recordings import NoRecording, Recordings
from models.folder import load_model
from models.footage import score_clip, steer_through
from storage.tub import Tub
from storage.tub_writer import TubWriter
from tests.car.page.car import Car, eventually
from tests.car.page.test_server import fetch
from tests.conftest import PRETRAINED

COLUMNS = {"cam/image_array": "image_array", "user/angle": "float"}
NAME = "2026-05-01-101112-tub"


@pytest.fixture
def drives(tmp_path: Path, driven_tub: Path) -> Path:
    shutil.copytree(driven_tub, tmp_path / "drives" / NAME)
    return tmp_path / "drives"


@pytest.fixture
def car(drives: Path) -> Iterator[Car]:
    car = Car(Recordings(drives, drives / "2026-05-01-111111-tub", PRETRAINED))
    yield car
    car.close()


def test_the_list_knows_each_without_reading_it(car: Car, drives: Path) -> None:
    broken = drives / "2026-05-02-101112-tub"
    (broken / "images").mkdir(parents=True)
    (broken / "manifest.json").write_text("[]\n")
    (drives / "2026-05-03-101112-drive").mkdir()  # a film, no recording
    seconds = iter(range(1_800_000_000, 1_900_000_000))
    ours = TubWriter(drives / "2026-05-04-101112-tub", COLUMNS, clock_s=lambda: float(next(seconds)))
    for _ in range(1100):  # two catalogs
        ours.write({"cam/image_array": np.zeros((24, 32), np.uint8), "user/angle": 0.5})
    ours.delete_last(5)
    ours.close()
    first, third, second = json.loads(fetch(car, "/drives").body)["drives"]
    assert first == {
        "name": ours.path.name,
        "own": False,
        "when": "2027-01-15T08:00:00+00:00",
        "records": len(Tub(ours.path).records),
        "s": 1099.0,
        "preview": "0_cam_image_array_.jpg",
    }
    assert first["records"] == 1095
    assert (second["name"], second["preview"]) == (NAME, "0_cam_image_array_.jpg")
    assert third == {"name": broken.name, "own": False, "when": None, "records": None, "s": None, "preview": None}


def test_all_of_it_needs_the_token(car: Car) -> None:
    for path in ("", f"/{NAME}/timeline", f"/{NAME}/score", f"/{NAME}.zip", f"/{NAME}/frames/x.jpg"):
        assert fetch(car, f"/drives{path}", "wrong").code == 403
    assert fetch(car, f"/drives/{NAME}", "wrong", method="DELETE").code == 403
    hostile = {"Origin": "http://evil.example"}
    assert fetch(car, f"/drives/{NAME}", method="DELETE", headers=hostile).code == 403
    assert (car.page.server.recordings.folder / NAME).is_dir()


def test_the_timeline_and_its_frames(car: Car, drives: Path) -> None:
    timeline = json.loads(fetch(car, f"/drives/{NAME}/timeline", request_timeout=60).body)
    tub = Tub(drives / NAME)
    assert timeline["angle"] == [record.angle for record in tub.records]
    assert timeline["t_s"][0] == 0
    assert timeline["t_s"] == sorted(timeline["t_s"])
    answer = fetch(car, f"/drives/{NAME}/frames/{timeline['image'][7]}")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.body == (drives / NAME / "images" / tub.records[7].image).read_bytes()


def test_the_score_is_the_one_that_evaluate_gives(car: Car, drives: Path) -> None:
    answer = fetch(car, f"/drives/{NAME}/score", request_timeout=120)
    *progress, found = [json.loads(line) for line in answer.body.splitlines()]
    model = load_model(PRETRAINED)
    clip = steer_through(model.policy, model.contract, Tub(drives / NAME))
    assert found["score"] == round(score_clip(clip).score.score, 3)
    assert found["steering"] == [round(float(one), 3) for one in clip.steering]
    assert all(0 < one["done"] <= one["of"] == 200 for one in progress)


def test_what_cannot_be_scored_is_said(car: Car, drives: Path) -> None:
    for catalog in (drives / NAME).glob("*.catalog"):
        catalog.write_text(catalog.read_text().replace('"user/mode": "user"', '"user/mode": "local"'))
    answer = fetch(car, f"/drives/{NAME}/score", request_timeout=120)
    assert "none of its 200 records has a human angle" in json.loads(answer.body.splitlines()[-1])["error"]


def test_the_download_is_the_tub(car: Car, drives: Path, tmp_path: Path) -> None:
    answer = fetch(car, f"/drives/{NAME}.zip", request_timeout=60)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{NAME}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert Tub(tmp_path / "unpacked" / NAME).records == Tub(drives / NAME).records
    assert len(list(Tub(tmp_path / "unpacked" / NAME).images())) == 200


def test_deleted_is_gone_and_the_drives_own_is_not_deleted(car: Car, drives: Path) -> None:
    own = car.page.server.recordings.own
    shutil.copytree(drives / NAME, own)
    answer = fetch(car, f"/drives/{own.name}", method="DELETE")
    assert (answer.code, own.is_dir()) == (409, True)
    assert "end the program first" in json.loads(answer.body)["error"]
    assert fetch(car, f"/drives/{NAME}", method="DELETE").code == 200
    assert list(drives.iterdir()) == [own]
    assert fetch(car, f"/drives/{NAME}", method="DELETE").code == 404


@pytest.mark.parametrize("name", ["..", ".", "%2e%2e", "..%2f..", "nowhere", ".deleted-x", "a%00b", "secret"])
def test_nothing_outside_is_listed_read_or_deleted(car: Car, drives: Path, name: str) -> None:
    secret = drives.parent / "secret"
    shutil.copytree(drives / NAME, secret)
    (drives / "secret").symlink_to(secret)
    (drives.parent / "manifest.json").write_text("{}")
    for path, method in (("", "DELETE"), ("/timeline", "GET"), ("/score", "GET"), (".zip", "GET")):
        assert fetch(car, f"/drives/{name}{path}", method=method).code in (400, 403, 404, 405)
    assert fetch(car, f"/drives/{name}/frames/0_cam_image_array_.jpg").code in (400, 404)
    assert secret.is_dir()
    assert (drives / NAME).is_dir()


@pytest.mark.parametrize("image", ["../manifest.json", "..%2fmanifest.json", "manifest.json", "x.jpg", ".jpg"])
def test_frames_are_jpegs_of_the_recording_alone(car: Car, image: str) -> None:
    assert fetch(car, f"/drives/{NAME}/frames/{image}").code in (400, 404)


def test_names_that_try(drives: Path) -> None:
    recordings = Recordings(drives)
    for name in ("../x", "/etc", "", "a/b", "x" * 200, "a\0b"):
        with pytest.raises(NoRecording):
            recordings.find(name)
        with pytest.raises(NoRecording):
            recordings.frame(NAME, name)


def test_whoever_leaves_takes_the_work_for_them_along(car: Car, drives: Path) -> None:
    import socket

    asks = socket.create_connection(("127.0.0.1", car.page.server.port))
    request = f"GET /drives/{NAME}/score?token={car.page.server.token} HTTP/1.1\r\nHost: x\r\n\r\n"
    asks.sendall(request.encode())
    eventually(lambda: car.page.server.jobs.running == 1)
    asks.close()
    eventually(lambda: car.page.server.jobs.running == 0)


def test_no_more_work_at_once_than_may_be(car: Car) -> None:
    jobs = car.page.server.jobs
    before, jobs._running = jobs._running, {object(), object()}
    assert fetch(car, f"/drives/{NAME}/timeline").code == 503
    jobs._running = before


def test_the_loop_goes_on_while_a_recording_is_scored(car: Car) -> None:
    rounds = car.rounds
    fetch(car, f"/drives/{NAME}/score", request_timeout=120)
    assert car.rounds > rounds
    eventually(lambda: car.page.server.jobs.running == 0)
