import subprocess
import sys
from pathlib import Path

import pytest

from errors import UserError
from settings import PROJECT
from storage.files import StorageError
from storage.lock import locked

TAKEN = UserError("somebody has it")
HOLDING = """
import sys
from pathlib import Path
from storage.lock import locked
with locked(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["file", "folder"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file in a folder that is not there yet, or a folder that is."""
    return tmp_path if request.param == "folder" else tmp_path / "new" / ".lock"


def test_one_process_at_a_time_and_a_killed_one_lets_go(path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(path)],
        cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "mine\n"
    with pytest.raises(UserError, match="somebody has it"), locked(path, TAKEN):
        pass
    process.kill()
    process.communicate()
    with locked(path, TAKEN):
        pass


def test_it_is_free_after_the_block_however_that_ended(path: Path) -> None:
    with pytest.raises(UserError, match="somebody has it"), locked(path), locked(path, TAKEN):
        pass
    with locked(path, TAKEN):
        pass


def test_who_names_no_error_waits(path: Path) -> None:
    with locked(path):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDING, str(path)],
            cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
    assert process.communicate()[0] == "mine\n"


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("where a folder should be")
    path = tmp_path / "file" / ".lock"
    with pytest.raises(StorageError, match=f"cannot write {path}: "), locked(path):
        pass
