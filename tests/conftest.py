"""What many tests need: the shipped model, a small model made on the spot, and our own program as a process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.contract import Contract
from settings import PROJECT

PRETRAINED = PROJECT / "models" / "pretrained"


@pytest.fixture
def contract() -> Contract:
    return Contract()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def model_copy(tmp_path: Path) -> Path:
    """The shipped model, copied to where a test may break it."""
    copy = tmp_path / "model"
    copy.mkdir()
    for file in PRETRAINED.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


@pytest.fixture
def manage():
    """Run manage.py with these arguments, as a person would; returns the finished process with its output as text."""

    def run(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(PROJECT / "manage.py"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)

    return run


def assert_one_line(process: subprocess.CompletedProcess[str], *words: str) -> None:
    """The process failed as it should: non-zero, one line on stderr that has these words, no traceback."""
    assert process.returncode == 1, process.stdout + process.stderr
    complaint = process.stderr.strip()
    assert "\n" not in complaint, complaint
    for word in words:
        assert word in complaint, complaint
