import re
from pathlib import Path

import pytest

from settings import PROJECT
from tests.conftest import assert_one_line
from trainer.hyperparameters import Hyperparameters


def test_help_names_the_verbs(manage) -> None:
    process = manage("--help")
    assert process.returncode == 0
    for verb in ("drive", "train", "evaluate", "sim"):
        assert verb in process.stdout


def test_help_imports_nothing_heavy(manage) -> None:
    program = "import sys, manage; print(*sys.modules)"
    import subprocess
    import sys

    modules = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "cv2", "donkeycar", "tensorflow", "gymnasium"} & set(modules)


def test_every_hyperparameter_is_an_argument_with_its_default(manage) -> None:
    text = re.sub(r"[│\s]+", " ", manage("train", "--help", env={"COLUMNS": "200", "PATH": ""}).stdout)
    for name, field in Hyperparameters.model_fields.items():
        option = name.replace("_", "-")
        default = field.default
        if isinstance(default, bool):  # two options, of which one is the default
            assert f"--no-{option}" in text
            default = option if default else f"no-{option}"
        assert f"--{option}" in text
        assert f"[default: {default}]" in text


@pytest.mark.parametrize(
    "wrong",
    [
        ["drive", "--laps", "0"],
        ["drive", "--lapps", "1"],
        ["fly"],
        ["evaluate", "--tracks", "x"],
        ["train", "--reward", "gausian"],
    ],
)
def test_a_wrong_argument_is_explained(manage, wrong: list[str]) -> None:
    process = manage(*wrong)
    assert process.returncode == 2
    assert "Usage" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--gamma", "1.5"], ["--gamma: input should be less than 1, not 1.5"]),
        (["--batch", "0"], ["--batch: input should be greater than or equal to 8"]),
    ],
)
def test_a_hyperparameter_out_of_range_is_one_line(manage, tmp_path: Path, wrong: list[str], words: list[str]) -> None:
    process = manage("train", *wrong, "--runs", tmp_path)
    assert_one_line(process, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_run_does_not_overwrite_another(manage, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    assert_one_line(manage("train", "--name", "taken", "--runs", tmp_path), "exists already", "--name")
