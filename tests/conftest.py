"""What many tests need: the shipped model, a small model made on the spot, a real S3 server, and our own program as a
process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from models.contract import Contract
from settings import PROJECT
from storage.place import Place, open_place
from storage.seaweed import Identity, SeaweedServer, find_seaweed

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


OWNER = Identity("owner", "ownerkey", "owner's secret", ("Admin", "Read", "Write", "List"))
CAR = Identity("car", "carkey", "car's secret", ("Read:models", "List:models", "Write:recordings"))
_prefixes = count()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedServer]:
    """A real S3 server with the buckets models and recordings, for all tests; who stops it starts it again."""
    if find_seaweed() is None:
        pytest.skip("there is no SeaweedFS; `make install-dev` brings it where there is a build of it")
    with SeaweedServer(tmp_path_factory.mktemp("seaweed"), (OWNER, CAR), ("models", "recordings")) as server:
        yield server


@pytest.fixture
def s3(s3_server: SeaweedServer, monkeypatch: pytest.MonkeyPatch) -> SeaweedServer:
    """The same server, with the owner's key and its address in the environment, where boto3 and processes find them."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    found = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{s3_server.port}", "AWS_REGION": "us-east-1"}
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    for name, value in (found | nothing | OWNER.environment).items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture(params=["folder", "s3"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty place: once a folder, once a prefix in a bucket of a real S3 server."""
    if request.param == "folder":
        return str(tmp_path / "place")
    request.getfixturevalue("s3")
    return f"s3://models/test-{next(_prefixes)}"


@pytest.fixture
def place(where: str) -> Place:
    """That place."""
    return open_place(where)


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
