"""From a store straight to a car, over ssh: for those without a bucket.

What is sent is a tar archive of one channel: its file, and the model that it names. The car's own
`manage.py models receive` reads it, believes nothing of it that no trusted key signed, and puts it in the car's store.
"""

import io
import re
import shlex
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import BinaryIO

from models.channel import MOST_BYTES, Channel
from models.fetch import (
    MOST_MODEL_BYTES,
    RefusedError,
    blob_file,
    channel_file,
    fetch,
    manifest_file,
    read_manifest,
    read_pointer,
    signature_file,
)
from models.folder import NEEDED
from models.signing import TrustedKeys
from models.store import StoreError, read_state
from storage.folder import FolderPlace
from storage.place import ConflictError, Place, check_name

_ADDRESS = re.compile(r"ssh://((?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d{1,5}))?(/.*)?")
_PROJECT = "patate"  # below the home of who logs in, as docs/pi.md clones it
_MOST_ARCHIVE_BYTES = MOST_MODEL_BYTES + (1 << 20)
_MOST_FILES = 16
_OPTIONS = ("ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3")  # a car that drove away ends it
_LONGEST_S = 600


def send(place: Place, name: str, trusted: TrustedKeys, address: str) -> str:
    """Bring a channel and its model to the car at ssh://[USER@]HOST[:PORT][/PROJECT FOLDER]; what the car said.

    Raises StoreError for an address that is none, where ssh fails or the car refuses; RefusedError, SigningError,
    StorageError where the store itself cannot be believed or reached.
    """
    return _over_ssh(address, _archive(place, name, trusted))


def receive(archive: BinaryIO, place: Place, trusted: TrustedKeys) -> Channel:
    """Take a channel and its model from an archive that `send` made into the car's own store.

    Raises RefusedError, SigningError and ModelError for what cannot be believed, StoreError where the store has
    something newer, StorageError. The store is then as it was, but for files that no channel names.
    """
    content = archive.read(_MOST_ARCHIVE_BYTES + 1)
    if len(content) > _MOST_ARCHIVE_BYTES:
        raise RefusedError(f"more than {_MOST_ARCHIVE_BYTES} bytes were sent; no model is so large")
    with tempfile.TemporaryDirectory() as folder:
        sent = FolderPlace(Path(folder) / "sent")
        names = _unpack(content, sent)
        channels = [
            file.removeprefix("channels/").removesuffix(".json") for file in names if file.startswith("channels/")
        ]
        if len(channels) != 1:
            raise RefusedError(f"{len(channels)} channels were sent, instead of one; update this program on both sides")
        state = read_state(place, channels[0], trusted)
        channel = read_pointer(sent, channels[0], trusted, state.channel.sequence if state.channel else 0)
        staging = Path(folder) / "model"
        staging.mkdir()
        manifest = fetch(sent, channel.model, trusted, staging)
        if channel == state.channel:
            return channel
        files = [blob_file(manifest.files[one].sha256) for one in NEEDED]
        for file in (*files, signature_file(channel.model), manifest_file(channel.model)):
            place.write(file, sent.read(file, MOST_MODEL_BYTES))
        try:
            place.write(
                channel_file(channel.name), sent.read(channel_file(channel.name), MOST_BYTES), only_if=state.tag
            )
        except ConflictError as error:
            raise StoreError(
                "somebody else moved the car's channel in the meantime; look at it, then send again"
            ) from error
    return channel


def _archive(place: Place, name: str, trusted: TrustedKeys) -> bytes:
    channel = read_pointer(place, name, trusted)
    manifest, content, signature = read_manifest(place, channel.model, trusted)
    files = {
        channel_file(name): place.read(channel_file(name), MOST_BYTES),
        manifest_file(channel.model): content,
        signature_file(channel.model): signature,
    }
    for needed in NEEDED:
        entry = manifest.files[needed]
        files[blob_file(entry.sha256)] = place.read(blob_file(entry.sha256), entry.size)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for file, data in files.items():
            header = tarfile.TarInfo(file)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


def _unpack(content: bytes, into: FolderPlace) -> list[str]:
    """The names of the files. Raises RefusedError, BadNameError, StorageError."""
    names: list[str] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for header in archive:
                file = archive.extractfile(header) if header.isreg() else None
                if file is None or len(names) == _MOST_FILES:
                    raise RefusedError("what was sent is no channel with its model; update this program on both sides")
                into.write(check_name(header.name), file.read())
                names.append(header.name)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise RefusedError(f"what was sent is cut short, or is no archive ({error}); send it again") from error
    return names


def _over_ssh(address: str, archive: bytes) -> str:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise StoreError(
            f"{address} is no address of a car; write ssh://USER@HOST, or ssh://USER@HOST:PORT/PROJECT/FOLDER"
        )
    host, port, folder = match.groups()
    # ssh hands one line to the shell over there: nothing is in it but these words and the quoted folder.
    there = f"cd {shlex.quote(folder or _PROJECT)} && exec python3 manage.py models receive"
    options = [word for option in _OPTIONS for word in ("-o", option)]
    command = ["ssh", "-T", *options, *(("-p", port) if port else ()), "--", host, there]
    try:
        done = subprocess.run(command, input=archive, capture_output=True, timeout=_LONGEST_S, check=False)  # noqa: S603
    except FileNotFoundError as error:
        raise StoreError("there is no ssh on this machine; type `sudo apt install openssh-client`") from error
    except subprocess.TimeoutExpired as error:
        raise StoreError(
            f"{address} did not finish within {_LONGEST_S} s; look at the network and at the car"
        ) from error
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no word why"]
        said = "".join(filter(str.isprintable, lines[-1])).removeprefix("manage.py: ")
        who = "the car says" if done.returncode == 1 else "ssh says"
        raise StoreError(f"{address} did not take the model; {who}: {said}")
    return done.stdout.decode(errors="replace").strip()
