import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from settings import PROJECT
from storage.files import StorageError
from storage.place import ABSENT, NotFoundError, TooLargeError, open_place


def test_what_a_person_left_in_the_folder_is_no_file_of_the_place(tmp_path: Path) -> None:
    for name in (".hidden", "with blank", "notes~"):
        (tmp_path / name).write_text("")
    (tmp_path / "below").symlink_to(tmp_path)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    place = open_place(tmp_path)
    place.write("a", b"", only_if=ABSENT)
    assert [entry.name for entry in place.entries()] == ["a"]


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path: Path) -> None:
    place = open_place(tmp_path)
    place.write("a/b", b"1")
    place.delete("a/b/c")
    for name in ("a/b/c", "c"):
        with pytest.raises(NotFoundError):
            place.read(name, 10)
    for call in (lambda: place.read("a", 10), lambda: place.write("a", b""), lambda: place.write("a/b/c", b"")):
        with pytest.raises(StorageError, match=str(tmp_path)):
            call()
    assert place.read("a/b", 10) == b"1"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotFoundError, match="is no file"):
        open_place(tmp_path).read("pipe", 10)


def test_a_file_that_claims_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(TooLargeError, match="2147483648 bytes"):
        open_place(tmp_path).read("huge", 1000)


_AS_NOBODY = """
import os, sys
from storage.files import StorageError
from storage.place import open_place
place = open_place(sys.argv[1])
os.setgid(65534)
os.setuid(65534)
for call in (lambda: place.read("closed", 9), lambda: place.write("new", b""),
             lambda: place.delete("closed"), lambda: place.write("new", b"", only_if="absent")):
    try:
        call()
    except StorageError as error:
        print(error)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_folder_without_rights_is_told() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        Path(folder).chmod(0o755)
        Path(folder, "closed").touch(0)
        process = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, folder], cwd=PROJECT, capture_output=True, text=True, check=False
        )
    lines = process.stdout.splitlines()
    assert len(lines) == 4, process.stderr
    for line, verb in zip(lines, ("read", "write", "delete", "write"), strict=True):
        assert line.startswith(f"cannot {verb} {folder}")
        assert "Permission denied; " in line
