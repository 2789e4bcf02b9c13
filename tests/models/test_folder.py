import json
from pathlib import Path

import numpy as np
import pytest

from models.folder import FLOAT, GOLDEN, MANIFEST, MODEL, ModelError, load_model
from tests.conftest import PRETRAINED, assert_one_line


def change_manifest(folder: Path, change) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_the_shipped_model_passes_every_check() -> None:
    model = load_model(PRETRAINED)
    assert model.policy.quantised
    assert model.policy.operations == {"CONV_2D", "RESHAPE"}
    scale, zero_point = model.policy.input_quantization
    assert scale == pytest.approx(1 / 255, rel=1e-5)
    assert zero_point == -128
    assert "python manage.py train" in model.manifest.command


def test_a_training_run_is_found_by_its_folder(model_copy: Path) -> None:
    assert load_model(model_copy.parent).folder == model_copy


def test_a_car_does_without_the_float_file(model_copy: Path) -> None:
    (model_copy / FLOAT).unlink()
    model = load_model(model_copy)
    with pytest.raises(ModelError, match="no float.tflite"):
        model.float_policy()


@pytest.mark.parametrize("name", [MODEL, GOLDEN, MANIFEST])
def test_a_missing_file_is_named(model_copy: Path, name: str) -> None:
    (model_copy / name).unlink()
    with pytest.raises(ModelError, match=name):
        load_model(model_copy)


@pytest.mark.parametrize("name", [MODEL, GOLDEN, FLOAT])
def test_a_flipped_bit_is_found(model_copy: Path, name: str) -> None:
    flip_a_bit(model_copy / name)
    with pytest.raises(ModelError, match=f"{name} is not the file its manifest names"):
        load_model(model_copy)


def test_a_model_that_drives_otherwise_than_when_it_was_made_is_found(model_copy: Path) -> None:
    """Right hashes, wrong golden outputs: a runtime that computes something else, or a mistaken export."""
    import hashlib

    with np.load(model_copy / GOLDEN) as golden:
        observations, outputs = golden["observations"], golden["outputs"]
    outputs[3] = outputs[3][::-1]
    np.savez(model_copy / GOLDEN, observations=observations, outputs=outputs)
    content = (model_copy / GOLDEN).read_bytes()
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    change_manifest(model_copy, lambda manifest: manifest["files"].update({GOLDEN: entry}))
    with pytest.raises(ModelError, match="does not give its golden outputs"):
        load_model(model_copy)


def _contract(manifest: dict, **observation) -> None:
    from models.contract import Contract

    manifest["contract"]["observation"] |= observation
    manifest["contract_digest"] = Contract.model_validate(manifest["contract"]).digest


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda m: m["contract"]["observation"].update(crop_top=30), "does not have the digest"),
        (lambda m: _contract(m, frame_width=320), "wants a camera of 320 x 120"),
        (lambda m: _contract(m, period_s=0.001), "decide every 0.001 s"),
        (lambda m: _contract(m, stack=3), "unlike its contract"),
        (lambda m: m["contract"].update(version=2), "contract.version"),
        (lambda m: m.update(schema_version=2), "schema_version"),
        (lambda m: m["files"].update({"../evil": m["files"][MODEL]}), "lists a file that no model has"),
        (lambda m: m["files"].pop(MODEL), "does not list model.tflite"),
        (lambda m: m.update(unheard="of"), "unheard"),
    ],
)
def test_a_manifest_that_cannot_be_met_is_refused(model_copy: Path, change, complaint: str) -> None:
    change_manifest(model_copy, change)
    with pytest.raises(ModelError, match=complaint):
        load_model(model_copy)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"name": 3}'])
def test_a_manifest_that_is_none_is_refused(model_copy: Path, content: str) -> None:
    (model_copy / MANIFEST).write_text(content)
    with pytest.raises(ModelError, match="cannot be used"):
        load_model(model_copy)


def test_drive_and_evaluate_say_it_in_one_line(manage, model_copy: Path, tmp_path: Path) -> None:
    flip_a_bit(model_copy / MODEL)
    for verb in ("drive", "evaluate"):
        assert_one_line(manage(verb, "--model", model_copy), MODEL, "sha256", "train it anew")
    assert_one_line(manage("drive", "--model", tmp_path / "nowhere"), "does not exist", "models/pretrained")
    assert_one_line(manage("drive", "--model", tmp_path.parent), "no manifest.json")
