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


@pytest.fixture(scope="session")
def driven_tub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of 200 frames, 10 s: the simulated car, driven by the one who sees the track. Read only."""
    import cv2

    from car.simulated import SimulatedCar
    from tests.storage.test_tub import line, write_tub
    from trainer.evaluation import teacher

    car, choose = SimulatedCar(Contract().observation, seed=1), teacher(Contract())
    frames, angles = [], []
    for _ in range(200):
        frames.append(car.advance())
        decided = choose(None, np.array([0]), car.simulator)
        car.command = float(decided.steering[0]), float(decided.throttle[0])
        angles.append(car.command[0])
    folder = tmp_path_factory.mktemp("footage") / "driven"
    write_tub(folder, [line(index, **{"user/angle": angle}) for index, angle in enumerate(angles)], images=False)
    for index, frame in enumerate(frames):
        file = folder / "images" / line(index)["cam/image_array"]
        cv2.imwrite(str(file), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return folder


@pytest.fixture
def manage(tmp_path_factory: pytest.TempPathFactory):
    """Run manage.py with these arguments, as a person would; returns the finished process with its output as text.

    A verb that takes a car gets one of its own where none is named, so that no test leaves anything in this one's.
    """

    def run(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(PROJECT / "manage.py"), *map(str, arguments)]
        if arguments[0] in ("drive", "evaluate") and "--car" not in arguments:
            command += ["--car", str(tmp_path_factory.mktemp("car"))]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)

    return run


def assert_one_line(process: subprocess.CompletedProcess[str], *words: str) -> None:
    """The process failed as it should: non-zero, one line on stderr that has these words, no traceback."""
    assert process.returncode == 1, process.stdout + process.stderr
    complaint = process.stderr.strip()
    assert "\n" not in complaint, complaint
    for word in words:
        assert word in complaint, complaint
