import resource
import subprocess
import sys
from pathlib import Path

import pytest

from settings import PROJECT
from storage.files import StorageError, write_file, write_folder


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_file(path, b"first")
    write_file(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with write_folder(path) as staging:
        (staging / "file").write_text("first")
        assert not path.exists()
    with write_folder(path) as staging:
        (staging / "other").write_text("second")
        assert (path / "file").exists()
    assert [file.name for file in path.iterdir()] == ["other"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with write_folder(path) as staging:
        (staging / "file").write_text("first")
    with pytest.raises(ZeroDivisionError), write_folder(path) as staging:  # noqa: PT012, the block is what is tested
        (staging / "file").write_text("second")
        raise ZeroDivisionError
    assert (path / "file").read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


# Writes under a limit of 1000 bytes a file, which stands for a disk that is full: the kernel refuses the write.
_ON_A_FULL_DISK = """
import sys
from pathlib import Path
from storage.files import StorageError, write_file, write_folder
path = Path(sys.argv[1])
try:
    if sys.argv[2] == "file":
        write_file(path, bytes(5000))
    else:
        with write_folder(path) as staging:
            (staging / "small").write_bytes(bytes(10))
            (staging / "large").write_bytes(bytes(5000))
except StorageError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_full_disk_is_one_line_and_the_old_content_stays(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "kept"
    if kind == "file":
        write_file(path, b"old")
    else:
        with write_folder(path) as staging:
            (staging / "file").write_text("old")
    process = subprocess.run(
        [sys.executable, "-c", _ON_A_FULL_DISK, str(path), kind],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    assert process.stdout.startswith(f"cannot write {path}: ")
    assert "name another folder" in process.stdout
    assert (path if kind == "file" else path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write .*: (Not a directory|File exists); "):
        write_file(tmp_path / "file" / "below", b"")
