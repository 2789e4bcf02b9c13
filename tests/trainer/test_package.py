import numpy as np
import pytest

from models.contract import ActionTable, Contract
from models.folder import FLOAT, MODEL, load_model
from models.runtime import TFLitePolicy
from tests.conftest import PRETRAINED
from trainer.package import PackageError, check_int8, mean_error, package


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 64, 64, 4), dtype=np.uint8)


def files() -> tuple[bytes, bytes]:
    return (PRETRAINED / MODEL).read_bytes(), (PRETRAINED / FLOAT).read_bytes()


def test_only_int8_that_fits_the_contract_passes() -> None:
    int8, float32 = (TFLitePolicy(file) for file in files())
    check_int8(int8, Contract())
    with pytest.raises(PackageError, match="instead of 1/255 and -128"):
        check_int8(float32, Contract())
    with pytest.raises(PackageError, match="its contract differs"):
        check_int8(int8, Contract(actions=ActionTable(steering=(-1.0, 0.0, 1.0))))


def test_the_mean_error_is_that_of_the_outputs_above_0(frames: np.ndarray) -> None:
    int8, float32 = files()
    assert np.abs(mean_error(int8, int8, frames, 0.0)).max() == 0
    policy, reference = TFLitePolicy(int8), TFLitePolicy(float32)
    pairs = [(policy.advantages(frame), reference.advantages(frame)) for frame in frames]
    for action, error in enumerate(mean_error(int8, float32, frames, 0.0)):
        seen = [got[action] - wanted[action] for got, wanted in pairs if wanted[action] > 0]
        assert error == pytest.approx(np.mean(seen) if seen else 0.0, abs=1e-5)


def test_a_package_is_a_model_that_a_car_accepts(tmp_path, frames: np.ndarray) -> None:
    manifest = load_model(PRETRAINED).manifest
    fields = {name: getattr(manifest, name) for name in type(manifest).model_fields if name != "files"}
    alike = package(tmp_path / "model", *files(), frames, fields)
    made = load_model(tmp_path / "model").manifest
    assert made.evaluation["int8_against_float_on_replay"]["frames"] == alike.frames == 40
    assert made.contract == manifest.contract
