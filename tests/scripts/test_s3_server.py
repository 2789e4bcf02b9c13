"""`make s3`, with a forwarded port as cars reach it, from the lines that it prints."""

import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts import s3_server
from settings import PROJECT, Settings
from storage.files import StorageError
from storage.place import open_place
from storage.seaweed import find_seaweed

_PROGRAM = """
import sys
from pathlib import Path
from scripts import s3_server
s3_server.FOLDER = Path(sys.argv.pop(1))
s3_server.main()
"""


@pytest.mark.skipif(find_seaweed() is None, reason="there is no SeaweedFS; `make install-dev` brings it")
def test_what_is_printed_is_what_a_car_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path / "s3"), "--host", "127.0.0.2", "--port", "18765"]
    program = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = ""
        while "serving" not in said:
            line = program.stdout.readline()
            assert line, program.stderr.read()
            said += line
        _, car_settings, car_keys = re.split(r"# on a car, in .*:\n", said)
        settings = Settings.model_validate(tomllib.loads(car_settings))
        (tmp_path / "credentials").write_text(car_keys.rpartition("serving")[0])
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        models = open_place(settings.models.place, settings.s3)
        assert list(models.entries()) == []
        with pytest.raises(StorageError, match="does not allow that to this key"):
            models.write("x", b"")
        open_place("s3://recordings", settings.s3).write("x", bytes(1 << 20))
    finally:
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=60)
    assert program.returncode == 0
    first = s3_server._keys(tmp_path / "s3")
    assert (tmp_path / "s3" / "keys.json").stat().st_mode & 0o777 == 0o600
    assert first.car[1] in said
    assert first.car != first.owner


def test_keys_that_are_broken_are_told(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{}")
    with pytest.raises(StorageError, match="cannot be read; remove it"):
        s3_server._keys(tmp_path)
