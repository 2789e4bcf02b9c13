"""Recordings as a person uses them: made by a training, learnt from, gone on from; and the verbs in between."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from models.folder import load_model
from settings import S3Settings
from storage.place import open_place
from storage.simcache_library import open_library
from tests.conftest import assert_one_line

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("TensorFlow is not installed: type `make install-dev`", allow_module_level=True)

QUICK = ["--learning-starts", "1000", "--evaluate-cars", "2", "--evaluate-every-s", "60", "--updates-per-round", "1"]


def test_record_learn_from_it_and_go_on_in_the_simulator(manage, s3: object, tmp_path: Path) -> None:
    runs, where = tmp_path / "runs", "s3://recordings/by-train"
    common = ["--runs", runs, "--car", tmp_path, *QUICK]
    first = manage(
        "train", "--steps", "3000", "--name", "first", "--simcache-out", where, "--save-every", "20",
        "--save-to", "s3://models/weights", *common,
    )  # fmt: skip
    assert first.returncode == 0, first.stderr
    shown = manage("simcache", "show", where, "--car", tmp_path)
    assert "laplace of sim_bridge/reward.py" in shown.stdout
    transitions = int(shown.stdout.split("transitions")[1].split()[0])
    frames = json.loads((runs / "first" / "metrics.jsonl").read_text().splitlines()[-1])["frames"]
    library = open_library(where, tmp_path / "caches", 10_000_000, S3Settings())
    cars = [library.load(entry.name) for entry in library.entries]
    assert len(cars) == 16
    assert sum(len(car) for car in cars) == transitions
    for car in cars:  # one that is put back lives through nothing in that step; which may not have come at the end
        over = car.terminated | car.truncated
        assert over[:-1].sum() <= frames / 16 - len(car) <= over.sum()

    offline = manage("train", "--steps", "3000", "--name", "second", "--simcache", where, *common)
    assert offline.returncode == 0, offline.stderr
    assert "TensorSpec" not in offline.stdout  # nobody asked what TensorFlow has converted
    assert "UserWarning" not in offline.stderr
    metrics = json.loads((runs / "second" / "metrics.jsonl").read_text().splitlines()[-1])
    assert "loss" in metrics
    assert not {"epsilon", "episode_return"} & metrics.keys()
    model = load_model(runs / "second")
    assert (model.contract.actions.decoding, model.contract.actions.temperature) == ("expectation", 1.0)
    assert model.manifest.trained_on == "16 SimCache files in s3://recordings/by-train"
    assert model.manifest.command.startswith(f"python manage.py train --steps 3000 --simcache {where} ")
    assert list((tmp_path / "cache").rglob("*.npz"))  # read once
    resumed = manage("train", "--steps", "1000", "--runs", runs, "--car", tmp_path, "--resume", "second")
    assert resumed.returncode == 0, resumed.stderr

    for load in ("second", next(_saved(tmp_path))):
        mixed = manage("train", "--steps", "2000", "--name", f"from-{Path(load).stem}", "--load", load, *common)
        assert mixed.returncode == 0, mixed.stderr
        run = runs / f"from-{Path(load).stem}"
        assert f"from the weights of {load}" in load_model(run).manifest.trained_on
        lines = (run / "metrics.jsonl").read_text().splitlines()
        assert {json.loads(line)["epsilon"] for line in lines} == {0.05}  # it drives already


def _saved(tmp_path: Path):
    place = open_place("s3://models/weights")
    names = [entry.name for entry in place.entries()]
    assert len(names) >= 2
    assert all(re.fullmatch(r"first-\d{7}-[0-9a-f]+\.npz", name) for name in names), names
    yield f"s3://models/weights/{names[-1]}"


def test_what_rules_out_one_another_is_one_line(manage, tmp_path: Path) -> None:
    def train(*more: str):
        return manage("train", "--runs", tmp_path, "--car", tmp_path, *more)

    assert_one_line(train("--simcache", "x", "--values", "rolled_out"), "--simcache learns without a simulator")
    assert_one_line(train("--simcache", "x", "--save-every", "5"), "leave them out")
    assert_one_line(train("--save-to", "x"), "--save-every")
    assert_one_line(train("--simcache", str(tmp_path / "nothing")), "has no SimCache files")
    assert_one_line(train("--simcache", "ftp://x"), "is no place for files")
    assert_one_line(train("--load", "nobody", "--steps", "1000"), "nobody")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK")
    assert_one_line(train("--load", str(broken), "--steps", "1000"), "holds no weights", "name another")
    assert not list(tmp_path.glob("*/settings.json"))  # a run that did not begin leaves nothing
