"""From a workstation's store into a car's: through a real sshd on loopback, and from archives of all kinds."""

import getpass
import io
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from errors import UserError
from models.fetch import RefusedError, blob_file, channel_file
from models.folder import FLOAT, MODEL
from models.over_ssh import receive, send
from models.signing import SigningError, trust
from models.store import StoreError, promote, push, read_state
from models.sweep import check_store
from settings import PROJECT
from storage.folder import FolderPlace
from storage.place import BadNameError, open_place
from tests.conftest import PRETRAINED
from tests.models.stores import MOST, Owner, manifest_of, owner, put_channel

FILES = manifest_of(PRETRAINED)["files"]


@pytest.fixture
def mine(tmp_path: Path) -> Owner:
    """A workstation whose store has the shipped model on stable."""
    mine = owner(tmp_path / "workstation")
    place = FolderPlace(mine.car / "store")
    promote(place, read_state(place, "stable", mine.trusted), push(place, PRETRAINED, mine.key), mine.key, mine.trusted)
    return mine


@pytest.fixture
def car(tmp_path: Path, mine: Owner) -> Path:
    """A car that trusts it."""
    trust(tmp_path / "car", mine.car / "keys" / "signing.pub")
    return tmp_path / "car"


@pytest.fixture
def archive(mine: Owner, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What would go to a car."""
    sent = []
    monkeypatch.setattr("models.over_ssh._over_ssh", lambda address, archive: sent.append(archive) or "")
    send(FolderPlace(mine.car / "store"), "stable", mine.trusted, "ssh://car")
    return sent[0]


def _files(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as content:
        return {member.name: content.extractfile(member).read() for member in content}


def _archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


def test_what_was_sent_is_in_the_cars_store(archive: bytes, car: Path, mine: Owner) -> None:
    place = FolderPlace(car / "store")
    channel = receive(io.BytesIO(archive), place, mine.trusted)
    assert receive(io.BytesIO(archive), place, mine.trusted) == channel
    assert read_state(place, "stable", mine.trusted).channel == channel
    names = {entry.name for entry in place.entries()}
    assert blob_file(FILES[FLOAT]["sha256"]) not in names
    assert names == set(_files(archive))
    faults = [one.fault for one in check_store(place, mine.trusted)]
    assert faults == ["float.tflite is missing", ""]


def test_what_is_older_than_the_cars_is_refused(archive: bytes, car: Path, mine: Owner) -> None:
    place = FolderPlace(car / "store")
    put_channel(place, "stable", "0" * 64, mine.key, sequence=1 << 40)
    before = place.read(channel_file("stable"), MOST)
    with pytest.raises(RefusedError, match="was here before: somebody put an old file back"):
        receive(io.BytesIO(archive), place, mine.trusted)
    assert place.read(channel_file("stable"), MOST) == before


def test_what_another_key_signed_is_refused(archive: bytes, tmp_path: Path) -> None:
    place = FolderPlace(tmp_path / "place")
    with pytest.raises(SigningError, match="trusted here is only"):
        receive(io.BytesIO(archive), place, owner(tmp_path / "other").trusted)
    assert list(place.entries()) == []


def _link(_: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        header = tarfile.TarInfo("channels/stable.json")
        header.type, header.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(header)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("lie", "error", "complaint"),
    [
        (lambda files: b"", RefusedError, "is cut short, or is no archive"),
        (lambda files: b"nonsense", RefusedError, "is cut short, or is no archive"),
        (lambda files: _archive(files)[:100_000], RefusedError, "is cut short, or is no archive"),
        (lambda files: bytes(34 << 20), RefusedError, "more than 34603008 bytes were sent"),
        (lambda files: _archive({}), RefusedError, "0 channels were sent"),
        (lambda files: _archive(files | {"channels/b.json": b""}), RefusedError, "2 channels were sent"),
        (lambda files: _archive({"../evil": b""}), BadNameError, "could lead outside"),
        (lambda files: _archive({"/evil": b""}), BadNameError, "could lead outside"),
        (lambda files: _archive({str(number): b"" for number in range(20)}), RefusedError, "is no channel with its"),
        (_link, RefusedError, "is no channel with its model"),
        (
            lambda files: _archive(files | {blob_file(FILES[MODEL]["sha256"]): b""}),
            RefusedError,
            r"\(model.tflite\) is cut short: 0 of",
        ),
    ],
)
def test_an_archive_that_is_none_is_refused(
    archive: bytes, tmp_path: Path, car: Path, mine: Owner, lie, error: type[UserError], complaint: str
) -> None:
    place = FolderPlace(car / "store")
    with pytest.raises(error, match=complaint):
        receive(io.BytesIO(lie(_files(archive))), place, mine.trusted)
    assert list(place.entries()) == []
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "address",
    ["pi@car", "http://car", "ssh://", "ssh://-oProxyCommand=evil/", "ssh://pi@-car", "ssh://a b", "ssh://car:x"],
)
def test_what_is_no_address_is_told(mine: Owner, address: str) -> None:
    with pytest.raises(StoreError, match="is no address of a car; write ssh://USER@HOST"):
        send(FolderPlace(mine.car / "store"), "stable", mine.trusted, address)


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Its port. The `ssh` that is found knows its key and has one that it takes."""
    program = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
    if program is None or shutil.which("ssh") is None:
        pytest.skip("there is no sshd; type `sudo apt install openssh-server`")
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    (folder / "client").write_text(
        f"IdentityFile {folder}/user\nIdentitiesOnly yes\nUserKnownHostsFile {folder}/known\nBatchMode yes\n"
    )
    (folder / "server").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\n"
    )
    wrapper = folder / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/client "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(wrapper.parent), prepend=":")
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([program, "-D", "-e", "-f", folder / "server"], stderr=subprocess.PIPE)
    deadline_s = time.monotonic() + 30
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert server.poll() is None, server.stderr.read()
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    yield port
    server.terminate()
    server.wait()


def _project(folder: Path, car: Path) -> Path:
    """A project folder whose manage.py is this one's, for that car."""
    folder.mkdir()
    command = [sys.executable, str(PROJECT / "manage.py")]
    (folder / "manage.py").write_text(
        f"import os, sys\nos.execv({command[0]!r}, [*{command!r}, *sys.argv[1:], '--car', {str(car)!r}])\n"
    )
    return folder


def test_a_model_goes_to_a_car_over_ssh(manage, sshd: int, tmp_path: Path, mine: Owner, car: Path) -> None:
    project = _project(tmp_path / "the car's; $(touch evil) project", car)
    address = f"ssh://{getpass.getuser()}@127.0.0.1:{sshd}{project}"
    done = manage("models", "push", PRETRAINED, "--to", address, "--car", mine.car)
    assert done.returncode == 0, done.stderr
    channel = read_state(open_place(car / "store"), "stable", mine.trusted).channel
    assert channel is not None
    assert f"stable of {car}/store is at {channel.model[:8]}" in done.stdout
    assert not list(tmp_path.rglob("evil"))
    (car / "keys" / "trusted" / f"{mine.key.id}.pub").unlink()
    place = FolderPlace(mine.car / "store")
    with pytest.raises(StoreError, match="did not take the model; the car says: .*trusted here is no key at all"):
        send(place, "stable", mine.trusted, address)
    with pytest.raises(StoreError, match="the car says: .*nowhere"):
        send(place, "stable", mine.trusted, f"ssh://{getpass.getuser()}@127.0.0.1:{sshd}/nowhere")
    with pytest.raises(StoreError, match="ssh says: .*Permission denied"):
        send(place, "stable", mine.trusted, f"ssh://nobody-of-that-name@127.0.0.1:{sshd}/")
    with pytest.raises(StoreError, match="ssh says: .*refused"):
        send(place, "stable", mine.trusted, "ssh://127.0.0.1:1/")
