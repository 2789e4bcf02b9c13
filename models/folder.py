"""A model is a folder. This file writes one whole and trusts one only after checking it.

model.tflite    int8 throughout, what the car runs
float.tflite    the same network in float32, for comparison on a workstation; a car does without
golden.npz      inputs and the int8 outputs they gave, to be met within 3 LSB before the model is trusted
manifest.json   sha256 of each of these, contract, how it was made, how well it drove
"""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from errors import UserError
from models.contract import Contract
from models.manifest import FileEntry, Manifest
from models.runtime import TFLitePolicy
from storage.files import write_folder

MODEL, FLOAT, GOLDEN, MANIFEST = "model.tflite", "float.tflite", "golden.npz", "manifest.json"
# arm64 and x86 give the same outputs in one runtime. LiteRT rounds otherwise than tflite-runtime: a step in a hidden
# layer comes out as up to two here (the shipped model on Trixie), and a model may have a steeper end than this one.
TOLERANCE_LSB = 3
NEEDED = (MODEL, GOLDEN)  # on a car; float.tflite may be missing
_RETRAIN = "take another copy of it, or train it anew"


class ModelError(UserError):
    """A model folder cannot be used. The message is one line: the cause and the remedy."""


@dataclass(frozen=True)
class Model:
    """A folder that passed every check."""

    folder: Path
    manifest: Manifest
    policy: TFLitePolicy

    @property
    def contract(self) -> Contract:
        return self.manifest.contract

    def float_policy(self) -> TFLitePolicy:
        """The same network in float32. Raises ModelError where the folder does not carry it."""
        path = self.folder / FLOAT
        if not path.exists():
            raise ModelError(f"{self.folder} has no {FLOAT}; take the folder that `manage.py train` made")
        return TFLitePolicy(path.read_bytes())


def find_model(path: Path) -> Path:
    """The model folder at path: path itself, or the `model` folder of a training run.

    Raises ModelError where there is none.
    """
    for folder in (path, path / "model"):
        if (folder / MANIFEST).is_file():
            return folder
    if not path.exists():
        raise ModelError(f"{path} does not exist; `manage.py train` makes a model, models/pretrained/ has one")
    raise ModelError(f"{path} has no {MANIFEST}, so it is no model; name a folder that `manage.py train` made")


def load_model(path: Path) -> Model:
    """Check a model folder and load it: files and hashes, contract, shape, golden vectors. Raises ModelError."""
    folder = find_model(path)
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        cause = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        where = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, ValidationError) else ""
        raise ModelError(
            f"{folder / MANIFEST} cannot be used: {where + ': ' if where else ''}{cause}; {_RETRAIN}"
        ) from error
    if manifest.contract.digest != manifest.contract_digest:
        raise ModelError(f"{folder / MANIFEST}: the contract does not have the digest it claims; {_RETRAIN}")
    _check_files(folder, manifest)
    check_contract(manifest.contract, folder)
    try:
        policy = TFLitePolicy((folder / MODEL).read_bytes())
    except ValueError as error:
        raise ModelError(f"{folder / MODEL} does not load: {error}; {_RETRAIN}") from error
    expected = (manifest.contract.observation.shape, len(manifest.contract.actions), True)
    if (policy.shape, policy.actions, policy.quantised) != expected:
        raise ModelError(
            f"{folder / MODEL} takes {policy.shape} and gives {policy.actions} actions, unlike its contract; {_RETRAIN}"
        )
    _check_golden(folder, policy)
    return Model(folder, manifest, policy)


def check_contract(contract: Contract, where: Path | str) -> None:
    """Raises ModelError where this program cannot do what the contract asks of it."""
    ours = Contract()
    seen = contract.observation
    camera = (seen.frame_width, seen.frame_height)
    if camera != (ours.observation.frame_width, ours.observation.frame_height):
        raise ModelError(
            f"{where} wants a camera of {camera[0]} x {camera[1]}, this program has {ours.observation.frame_width} x "
            f"{ours.observation.frame_height}; use the program it was trained with, or train it anew"
        )
    if seen.period_s < 0.02:
        raise ModelError(f"{where} wants to decide every {seen.period_s} s, a car manages 0.02; train it anew")


def check_names(manifest: Manifest, where: Path | str) -> None:
    """Raises ModelError where the manifest lists not all the files of a model, or others."""
    for name in NEEDED:
        if name not in manifest.files:
            raise ModelError(f"{where} does not list {name}; {_RETRAIN}")
    for name in manifest.files:
        if name not in (MODEL, FLOAT, GOLDEN):
            raise ModelError(f"{where} lists a file that no model has, {name[:80]!r}; {_RETRAIN}")


def _check_files(folder: Path, manifest: Manifest) -> None:
    check_names(manifest, folder / MANIFEST)
    for name, entry in manifest.files.items():
        path = folder / name
        if name == FLOAT and not path.exists():
            continue
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error.strerror}); {_RETRAIN}") from error
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise ModelError(f"{path} is not the file its manifest names (sha256 differs); {_RETRAIN}")


def _check_golden(folder: Path, policy: TFLitePolicy) -> None:
    try:
        with np.load(folder / GOLDEN, allow_pickle=False) as golden:
            observations, expected = golden["observations"], golden["outputs"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{folder / GOLDEN} cannot be read ({error}); {_RETRAIN}") from error
    if observations.shape != (len(observations), *policy.shape) or expected.shape != (
        len(observations),
        policy.actions,
    ):
        raise ModelError(f"{folder / GOLDEN} does not fit the model; {_RETRAIN}")
    for observation, row in zip(observations, expected.astype(int), strict=True):
        got = policy.raw(observation).astype(int)
        close = np.abs(got - row).max() <= TOLERANCE_LSB
        same = row[got.argmax()] >= row.max() - TOLERANCE_LSB  # the same action, unless tied within that
        if not (close and same):
            raise ModelError(f"{folder / MODEL} does not give its golden outputs in {policy.runtime}; {_RETRAIN}")


def write_model(
    folder: Path, models: dict[str, bytes], golden_observations: np.ndarray, manifest: dict[str, object]
) -> None:
    """Write a model folder, whole or not at all.

    models: the content of MODEL and FLOAT. manifest: its fields but `files`. Golden outputs are those of the runtime at
    hand. Raises StorageError where it cannot be written.
    """
    policy = TFLitePolicy(models[MODEL])
    outputs = np.stack([policy.raw(observation) for observation in golden_observations])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, observations=golden_observations, outputs=outputs)
    contents = models | {GOLDEN: buffer.getvalue()}
    files = {name: FileEntry(sha256=hashlib.sha256(one).hexdigest(), size=len(one)) for name, one in contents.items()}
    complete = Manifest.model_validate(manifest | {"files": files})
    contents[MANIFEST] = (json.dumps(complete.model_dump(mode="json"), indent=2) + "\n").encode()
    with write_folder(folder) as staging:
        for name, content in contents.items():
            (staging / name).write_bytes(content)
