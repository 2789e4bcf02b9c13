"""`manage.py models` as typed: from a workstation to a car, once over a folder, once over a real S3 server."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from models.fetch import blob_file, channel_file
from models.folder import MODEL, load_model
from models.installed import CarModels
from models.seen import newest_sequence
from storage.place import open_place
from tests.conftest import CAR, PRETRAINED, assert_one_line
from tests.models.stores import MOST, manifest_of

REAL = PRETRAINED.with_name("pretrained_real")


@pytest.fixture
def models(manage):
    """Run a verb of models; it must succeed. Returns what it printed."""

    def run(*arguments: str | Path) -> str:
        process = manage("models", *arguments)
        assert process.returncode == 0, process.stderr
        assert process.stderr == ""
        return process.stdout

    return run


def test_from_the_workstation_to_the_car_and_back(
    models, manage, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workstation, car = tmp_path / "workstation", tmp_path / "car"
    for folder in (workstation, car):
        folder.mkdir()
        (folder / "settings.toml").write_text(f'[models]\nplace = "{where}"\n')
    at, on = ("--car", workstation), ("--car", car)

    assert_one_line(manage("models", "push", PRETRAINED, *at), "`manage.py models keygen` makes one")
    assert "models trust signing.pub" in models("keygen", *at)
    assert "trusted here: no key" in models("trust", *on)
    models("trust", workstation / "keys" / "signing.pub", *on)
    assert_one_line(manage("models", "pull", *on), "there is no channel 'stable'")

    models("push", PRETRAINED, *at)
    assert "canary now names" in models("push", REAL, "--channel", "canary", *at)
    models("promote", "stable", "patate", *at)
    models("promote", "stable", *at)  # canary's
    real = manifest_of(REAL)["name"]
    listed = models("list", *at)
    assert "canary, stable" in next(line for line in listed.splitlines() if real in line)
    assert real in models("show", "stable", *at)
    assert json.loads(models("show", "patate", "--json", *at)) == manifest_of(PRETRAINED)

    if where.startswith("s3:"):  # the car with a key that may do less
        for name, value in CAR.environment.items():
            monkeypatch.setenv(name, value)
    assert f"the next drive is with {real}" in models("pull", *on)
    assert_one_line(manage("models", "rollback", "stable", *on), "there is no", "signing.key to sign with")
    first = newest_sequence(car, where, "stable")
    pulled = CarModels(car).current()
    assert "as it was signed" in models("verify", pulled, *on)
    assert_one_line(manage("models", "verify", PRETRAINED, *on), "only a pulled model is signed")
    assert manage("drive", "--model", pulled, "--laps", "1", "--no-realtime", *on).returncode == 0

    if where.startswith("s3:"):
        assert_one_line(manage("models", "push", PRETRAINED, *at), "does not allow that to this key")
    for name, value in (("AWS_ACCESS_KEY_ID", "ownerkey"), ("AWS_SECRET_ACCESS_KEY", "owner's secret")):
        monkeypatch.setenv(name, value)
    place = open_place(where)
    old = place.read(channel_file("stable"), MOST)
    assert "stable now names" in models("rollback", "stable", *at)
    assert "the next drive is with patate" in models("pull", *on)
    assert newest_sequence(car, where, "stable") > first
    place.write(channel_file("stable"), old)
    assert_one_line(manage("models", "pull", *on), "was here before: somebody put an old file back")
    assert load_model(CarModels(car).current()).manifest.name == "patate"

    assert models("verify", *at).count("as it was signed") == 4
    assert "0 files" in models("gc", *at)
    place.write(blob_file(manifest_of(PRETRAINED)["files"][MODEL]["sha256"]), b"")
    process = manage("models", "verify", *at)
    assert process.returncode == 1
    assert "1 of" in process.stderr


def test_what_fails_leaves_nothing_behind(models, manage, tmp_path: Path) -> None:
    at = ("--car", tmp_path)
    models("keygen", *at)
    models("push", PRETRAINED, "--channel", "stable", *at)
    place = open_place(tmp_path / "store")
    place.write(blob_file(manifest_of(PRETRAINED)["files"][MODEL]["sha256"]), bytes(1000))
    assert_one_line(manage("models", "pull", *at), "(model.tflite) is cut short: 1000 of")
    assert {path.name for path in (tmp_path / "models").iterdir() if not path.name.startswith(".")} <= {"seen.json"}
    assert CarModels(tmp_path).current() is None


def test_a_pulled_model_that_was_changed_since_is_told(models, manage, tmp_path: Path) -> None:
    at = ("--car", tmp_path)
    models("keygen", *at)
    models("push", PRETRAINED, "--channel", "stable", *at)
    models("pull", *at)
    pulled = CarModels(tmp_path).current() / "manifest.json"
    load_model(pulled.parent)
    pulled.write_text(pulled.read_text().replace("patate", "batate"))
    assert_one_line(manage("models", "verify", pulled.parent, *at), "was changed after it was signed")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["push", "nowhere"], ["nowhere does not exist"]),
        (["push", PRETRAINED, "--channel", "No"], ["'No' is no name of a channel"]),
        (["push", PRETRAINED, "--place", "ftp://x"], ["ftp://x is no place for files"]),
        (["promote", "stable"], ["there is no model 'canary' in the store"]),
        (["promote", "canary"], ["there is no model 'the newest' in the store"]),
        (["show", "nobody"], ["there is no model 'nobody' in the store"]),
        (["rollback", "stable"], ["named no other model before"]),
        (["keygen"], ["is there already"]),
        (["trust", "nowhere.pub"], ["cannot read nowhere.pub"]),
        (["trust", "--instead-of", "0"], ["--instead-of is about a new key"]),
        (["push", PRETRAINED, "--to", "pi@car"], ["is no address of a car"]),
    ],
)
def test_mistakes_are_one_line(manage, models, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    models("keygen", "--car", tmp_path)
    assert_one_line(manage("models", *arguments, "--car", tmp_path), *words)


def test_training_for_an_hour_is_not_begun_where_its_push_would_fail(manage, tmp_path: Path) -> None:
    if find_spec("tensorflow") is None:  # not imported: TensorFlow and TFLite must not share a process
        pytest.skip("there is no TensorFlow; `make install-trainer` brings it")
    process = manage("train", "--steps", "4000", "--runs", tmp_path / "runs", "--push", "canary", "--car", tmp_path)
    assert_one_line(process, "`manage.py models keygen` makes one")
    assert not (tmp_path / "runs").exists()
