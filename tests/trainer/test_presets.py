from pathlib import Path

import pytest

from tests.conftest import assert_one_line
from trainer.hyperparameters import Hyperparameters
from trainer.presets import PresetError, load_preset, names


@pytest.mark.parametrize("name", names())
def test_every_preset_differs_from_the_defaults_in_each_of_its_lines(name: str) -> None:
    defaults = Hyperparameters()
    differences = load_preset(name)
    assert differences
    assert all(value != getattr(defaults, key) for key, value in differences.items())


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("gamma = 0.8 # short-sighted\n")
    assert load_preset(str(tmp_path / "mine.toml")) == {"gamma": 0.8}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gama = 0.8", ["gama is no setting; did you mean gamma?"]),
        ("gamma = 2", ["gamma: input should be less than 1, not 2"]),
        ("table = 'evaluation'", ["table: input should be 'training', 'wide', 'real' or 'racing'"]),
        ("gamma", ["is not TOML", "mend that line"]),
        (b"\xff", ["cannot read"]),
    ],
)
def test_a_preset_that_cannot_be_used_is_one_line(manage, tmp_path: Path, text: str | bytes, words: list[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PresetError):
        load_preset(str(path))
    assert_one_line(manage("train", "--preset", path, "--runs", tmp_path / "runs"), str(path), *words)
    assert not (tmp_path / "runs").exists()


def test_an_unknown_preset_is_one_line_that_names_those_there_are(manage, tmp_path: Path) -> None:
    refused = manage("train", "--preset", "quik", "--runs", tmp_path)
    assert_one_line(refused, "no preset 'quik'", "donkeysim, quick, race, real, recordings, wide")
    assert_one_line(manage("train", "--preset", "", "--runs", tmp_path), "cannot read")
