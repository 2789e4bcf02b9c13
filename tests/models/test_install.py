"""From a channel to the car: what is taken, and what a bucket that lies gets."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from errors import UserError
from models.folder import MODEL, Model, ModelError, load_model
from models.install import Installed, install
from models.selftest import decision_ms, try_out
from tests.conftest import assert_one_line
from tests.models.installing import SHIPPED, Store, digest_of, small_model
from tests.models.lies import LIES, flipped_bit, golden_outputs_of_another_model


@pytest.fixture
def store(where: str, tmp_path: Path) -> Store:
    """With `first` on the channel, which the car drives and knows as good."""
    store = Store(where, tmp_path)
    digest = store.publish(small_model(tmp_path, "first"))
    take(store)
    store.models.passed(digest)
    return store


def take(store: Store) -> Installed:
    installed = install(store.place, "stable", store.car, store.trusted)
    if installed.link == "ready":
        store.models.activate(installed.digest)
    return installed


def drives(store: Store) -> str:
    """The name of the current model, which is whole and decides."""
    model = load_model(store.models.current())
    assert np.isfinite(model.policy.advantages(np.zeros(model.policy.shape, np.uint8))).all()
    return model.manifest.name


def test_a_new_model_waits_until_it_is_taken_and_no_file_but_a_models_comes(store: Store, tmp_path: Path) -> None:
    assert install(store.place, "stable", store.car, store.trusted).link == "current"
    second = store.publish(small_model(tmp_path, "second"))
    told: list[tuple[int, int]] = []
    installed = install(store.place, "stable", store.car, store.trusted, lambda *of: told.append(of))
    assert installed == Installed(second, "ready", new=True)
    assert told[-1][0] == told[-1][1] > 200_000
    assert drives(store) == "first"
    assert install(store.place, "stable", store.car, store.trusted) == Installed(second, "ready", new=False)
    store.models.activate(second)
    assert drives(store) == "second"
    names = {path.name for path in store.models.current().iterdir()}
    assert names == {"model.tflite", "golden.npz", "manifest.json", "manifest.sig"}


def test_a_channel_that_goes_back_is_followed_without_a_download(store: Store, tmp_path: Path) -> None:
    second = store.publish(small_model(tmp_path, "second"))
    take(store)
    first = digest_of(tmp_path / "first")
    store.name(first)
    for blob in store.place.entries("blobs/"):
        store.place.delete(blob.name)
    assert take(store) == Installed(first, "ready", new=True)
    assert drives(store) == "first"
    assert store.models.on_trial() is None
    assert second != first


def test_a_channel_that_moves_on_or_back_withdraws_what_waits(store: Store, tmp_path: Path) -> None:
    store.publish(small_model(tmp_path, "second"))
    install(store.place, "stable", store.car, store.trusted)
    store.name(digest_of(tmp_path / "first"))
    assert install(store.place, "stable", store.car, store.trusted).link == "current"
    assert store.models.ready() is None


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_bucket_that_lies_is_refused_and_the_old_model_drives(store: Store, lie: Callable[[Store], None]) -> None:
    before = os.readlink(store.models.folder / "current")
    lie(store)
    for _ in range(2):  # asked again it says the same: nothing half-done was left
        with pytest.raises(UserError, match=LIES[lie]) as refusal:
            install(store.place, "stable", store.car, store.trusted)
        assert "\n" not in str(refusal.value)
        if lie is golden_outputs_of_another_model:
            break
    assert drives(store) == "first"
    assert (os.readlink(store.models.folder / "current"), store.models.ready()) == (before, None)
    assert not [path for path in store.models.folder.iterdir() if path.name.startswith(".staging")]
    assert not (store.folder / "settings.toml").exists()
    assert not (store.car / "settings.toml").exists()


def test_every_lie_has_a_message_of_its_own() -> None:
    assert len(set(LIES.values())) == len(LIES)


@pytest.mark.parametrize("where", ["folder"], indirect=True)
def test_what_failed_its_test_is_not_downloaded_again_until_it_is_named_anew(store: Store) -> None:
    golden_outputs_of_another_model(store)
    with pytest.raises(ModelError, match="does not give its golden outputs"):
        take(store)
    for blob in store.place.entries("blobs/"):
        store.place.delete(blob.name)
    with pytest.raises(ModelError, match="failed on this car: it/model.tflite does not give its golden outputs"):
        take(store)
    store.publish(store.folder / "first")  # and the channel may name another at any time
    assert take(store).link == "current"


@pytest.mark.parametrize("where", ["folder"], indirect=True)
def test_a_model_that_was_put_back_gets_another_chance_when_it_is_named_anew(store: Store, tmp_path: Path) -> None:
    second = store.publish(small_model(tmp_path, "second"))
    take(store)
    store.models.failed(second, "it was too slow")
    with pytest.raises(ModelError, match=f"the model {second[:8]} of stable failed on this car: it was too slow"):
        take(store)
    assert drives(store) == "first"
    store.publish(tmp_path / "second")
    assert take(store).digest == second
    assert drives(store) == "second"


def test_offline_what_is_there_drives(store: Store, tmp_path: Path) -> None:
    from storage.place import open_place

    for gone in (str(tmp_path / "nowhere"), "s3://models-that-are-not/there"):
        with pytest.raises(UserError) as refusal:
            install(open_place(gone), "stable", store.car, store.trusted)
        assert "\n" not in str(refusal.value)
    assert drives(store) == "first"


def test_a_model_that_crashes_the_runtime_ends_its_test_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    """A segmentation fault, in the process of the test: no file that does so with today's runtime is known, so the
    runtime is made to."""
    (tmp_path / "sitecustomize.py").write_text(
        "import models.runtime, ctypes\nmodels.runtime.TFLitePolicy.__init__ = lambda *_: ctypes.string_at(0)\n"
    )
    folder = small_model(tmp_path, "crashing")
    real = __import__("subprocess").run

    def run(command, **options):
        options["env"] = options["env"] | {"PYTHONPATH": f"{tmp_path}:{options['cwd']}"}
        return real(command, **options)

    monkeypatch.setattr("models.selftest.subprocess.run", run)
    with pytest.raises(ModelError, match="ended its test with signal 11: it crashes the runtime"):
        try_out(folder)


def test_the_test_says_how_long_a_decision_takes_and_refuses_what_is_too_slow_or_no_number() -> None:
    assert try_out(SHIPPED) > 0
    model = load_model(SHIPPED)

    class Otherwise:
        value, takes_s = 0.0, 0.0

        def advantages(self, _: np.ndarray) -> np.ndarray:
            until_s = time.process_time() + self.takes_s
            while time.process_time() < until_s:
                pass
            return np.full(7, self.value, np.float32)

    slow, nan = Otherwise(), Otherwise()
    slow.takes_s, nan.value = 0.03, np.nan
    with pytest.raises(ModelError, match=r"takes \d+ ms for a decision on this machine, and 25 is the most"):
        decision_ms(Model(model.folder, model.manifest, slow))
    with pytest.raises(ModelError, match="no finite numbers"):
        decision_ms(Model(model.folder, model.manifest, nan))


def test_models_pull_as_typed(manage, store: Store, tmp_path: Path) -> None:
    store.publish(small_model(tmp_path, "second"))
    pulled = manage("models", "pull", "--place", store.place.where, "--car", store.car)
    assert pulled.returncode == 0, pulled.stderr
    assert "the next drive is with second, on trial at first" in pulled.stdout
    assert drives(store) == "second"
    flipped_bit(store)
    assert_one_line(manage("models", "pull", "--place", store.place.where, "--car", store.car), "was changed")
    assert drives(store) == "second"
    assert (store.models.current() / MODEL).exists()
