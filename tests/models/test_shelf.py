"""`manage.py simcache` as a person types it."""

import json
from pathlib import Path

from models.contract import Contract
from models.folder import MANIFEST
from storage.simcache import decode
from storage.tub import Tub
from tests.conftest import PRETRAINED, assert_one_line


def test_from_a_tub_to_a_bucket_and_back(manage, s3: object, driven_tub: Path, tmp_path: Path) -> None:
    def simcache(*arguments: str | Path) -> str:
        process = manage("simcache", *arguments, "--car", tmp_path)
        assert process.returncode == 0, process.stderr
        return process.stdout

    (tmp_path / "settings.toml").write_text("[simcache]\nsize = 80\n")
    here, there = tmp_path / "simcache", "s3://recordings/shelf"
    assert "199 transitions in" in simcache("import", driven_tub)  # where the car records
    before = sorted(here.iterdir())
    assert len(before) == 3
    simcache("import", driven_tub)
    assert sorted(here.iterdir()) == before  # nothing is doubled
    assert "3 files copied to" in simcache("merge", here, there)
    assert "0 files copied to s3://recordings/shelf, 3 were there already" in simcache("merge", here, there)
    assert "3 files are whole, 199 transitions" in simcache("verify", there)
    listed = simcache("list", there)
    assert all(path.name in listed for path in before)
    shown = simcache("show", there, "--picture", tmp_path / "seen.png")
    assert "nobody knew them: +1 for each step, -1 at a cut" in " ".join(shown.split())
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")
    assert "199 records in" in simcache("export", there, tmp_path / "tub")
    assert len(Tub(tmp_path / "tub").records) == 199


def test_a_tub_is_imported_by_the_contract_of_the_model_that_the_car_drives_with(
    manage, driven_tub: Path, model_copy: Path, tmp_path: Path
) -> None:
    slower = Contract(observation={"period_s": 0.1}, actions={"throttle": (0.15,)})
    manifest = json.loads((model_copy / MANIFEST).read_text())
    manifest |= {"contract": slower.model_dump(mode="json"), "contract_digest": slower.digest}
    (model_copy / MANIFEST).write_text(json.dumps(manifest))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "current").symlink_to(model_copy)
    for into, model, contract in (("current", (), slower), ("named", ("--model", PRETRAINED), Contract())):
        process = manage("simcache", "import", driven_tub, tmp_path / into, *model, "--car", tmp_path)
        assert process.returncode == 0, process.stderr
        (path,) = (tmp_path / into).iterdir()
        told = decode(path.read_bytes(), path.name).facts
        assert told.actions["throttle"] == list(contract.actions.throttle)
        assert told.observation["period_s"] == contract.observation.period_s
        process = manage("simcache", "show", path, "--picture", tmp_path / "seen.png", "--car", tmp_path)
        assert process.returncode == 0, process.stderr
    nobody = manage("simcache", "import", driven_tub, tmp_path / "x", "--model", tmp_path / "nobody")
    assert_one_line(nobody, "nobody")


def test_what_is_broken_changed_or_there_twice_is_named(manage, driven_tub: Path, tmp_path: Path) -> None:
    manage("simcache", "import", driven_tub, tmp_path / "x", "--car", tmp_path)
    (good,) = (tmp_path / "x").iterdir()
    content = good.read_bytes()
    (tmp_path / "x" / "cut.npz").write_bytes(content[:-100])
    (tmp_path / "x" / "renamed.npz").write_bytes(content)
    (tmp_path / "x" / f"a-{good.name}").write_bytes(content)
    verified = manage("simcache", "verify", tmp_path / "x", "--car", tmp_path)
    assert_one_line(verified, "3 of 4 files", "cannot be used")
    assert "cut.npz cannot be used: it is broken" in verified.stdout
    assert "renamed.npz was changed, or renamed" in verified.stdout
    assert f"{good.name} is a-{good.name} once more" in verified.stdout
    assert_one_line(manage("simcache", "show", tmp_path / "y", "--car", tmp_path), "has no SimCache files")
    assert_one_line(manage("simcache", "export", good, tmp_path / "x", "--car", tmp_path), "exists already")
