"""How a model comes over a network: nothing that a bucket says is believed.

    channel = read_pointer(place, "stable", trusted, newest_sequence)
    manifest = fetch(place, channel.model, trusted, staging)

What differs from what a trusted key signed is refused, before it is downloaded where that can be. The model itself is
then checked as any folder is, by models.folder.load_model.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from models import channel as channels
from models.channel import Channel, ChannelError
from models.folder import MANIFEST, NEEDED, ModelError, check_contract, check_names
from models.manifest import FileEntry, Manifest
from models.signing import Signature, TrustedKeys
from storage.files import StorageError, remedy
from storage.place import NotFoundError, Place, TooLargeError

SIGNATURE = "manifest.sig"
MOST_MANIFEST_BYTES = 256 << 10
MOST_MODEL_BYTES = 32 << 20  # all files of a model together; those of today have half a MB
_MOST_SIGNATURE_BYTES = 4 << 10

Told = Callable[[int, int], None]  # bytes that have come, of how many


class RefusedError(ModelError):
    """What the place holds is not what a trusted key signed, or this program cannot drive it. Trying again is of no use
    until somebody has pushed or promoted anew."""


def read_pointer(place: Place, name: str, trusted: TrustedKeys, newest_sequence: int = 0) -> Channel:
    """Which model a channel names. newest_sequence: the largest that was ever accepted of this channel.

    Raises RefusedError where there is no such channel, its file is broken, is another's or is older than what was
    accepted; SigningError where no trusted key signed it; StorageError where the place cannot be reached.
    """
    what = f"{place.where}/{channel_file(name)}"
    try:
        content = place.read(channel_file(name), channels.MOST_BYTES)
        channel = channels.read_channel(content, name, trusted, what)
    except NotFoundError as error:
        raise RefusedError(
            f"there is no channel {name!r} at {place.where}; `manage.py models list` shows them"
        ) from error
    except (TooLargeError, ChannelError) as error:
        raise RefusedError(str(error)) from error
    if channel.sequence < newest_sequence:
        raise RefusedError(
            f"{what} has the sequence {channel.sequence}, and {newest_sequence} was here before: somebody put an old "
            "file back; it is not used until `manage.py models promote` or `rollback` writes a new one"
        )
    return channel


def read_manifest(place: Place, digest: str, trusted: TrustedKeys) -> tuple[Manifest, bytes, bytes]:
    """The manifest whose sha256 this is, its very bytes, and those of its signature's file.

    Raises RefusedError where it is missing, too large, has another sha256, or is of no version this program knows;
    SigningError where no trusted key signed it; StorageError.
    """
    what = f"{place.where}/{manifest_file(digest)}"
    try:
        content = place.read(manifest_file(digest), MOST_MANIFEST_BYTES)
        signed = place.read(signature_file(digest), _MOST_SIGNATURE_BYTES)
    except (NotFoundError, TooLargeError) as error:
        raise RefusedError(f"{error}; push the model anew") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise RefusedError(f"{what} is not the file it is named by (sha256 differs); push the model anew")
    return check_manifest(content, signed, trusted, what), content, signed


def check_manifest(content: bytes, signed: bytes, trusted: TrustedKeys, what: str) -> Manifest:
    """The manifest of these bytes, once the signature of them was verified. Raises RefusedError, SigningError."""
    try:
        signature = Signature.model_validate_json(signed)
    except ValidationError as error:
        raise RefusedError(f"the signature of {what} is broken; push the model anew") from error
    trusted.verify("manifest", content, signature, what)
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise RefusedError(
            f"{what}: {'.'.join(map(str, first['loc']))}: {first['msg']}; it is of another version of this program: "
            "update this one"
        ) from error
    if manifest.contract.digest != manifest.contract_digest:
        raise RefusedError(f"{what}: the contract does not have the digest it claims; train it anew")
    return manifest


def fetch(place: Place, digest: str, trusted: TrustedKeys, into: Path, told: Told = lambda *_: None) -> Manifest:
    """Download the model whose manifest has this sha256: what a car needs of it, without its float twin.

    into: an empty folder, which the caller throws away where this raises. Files are on disk when it returns. At most
    MOST_MODEL_BYTES are written, and no other file than those of a model.
    Raises RefusedError and SigningError as `read_manifest` does, ModelError (of which RefusedError is one) where the
    contract does not fit, the model is too large, or a file is missing, too long, too short, changed or none of a
    model's; StorageError where the place cannot be reached, breaks off, or the disk is full: then trying again helps.
    """
    manifest, content, signed = read_manifest(place, digest, trusted)
    what = f"{place.where}/{manifest_file(digest)}"
    check_names(manifest, what)
    check_contract(manifest.contract, what)
    total = sum(manifest.files[name].size for name in NEEDED)
    if total > MOST_MODEL_BYTES:
        raise RefusedError(f"{what} is of a model of {total} bytes, and at most {MOST_MODEL_BYTES} are taken")
    done = 0
    for name in NEEDED:
        for piece_bytes in _download(place, name, manifest.files[name], into):
            done += piece_bytes
            told(done, total)
    _write(into / SIGNATURE, signed)
    _write(into / MANIFEST, content)
    return manifest


def blob_file(digest: str) -> str:
    """Where the store keeps the content of this sha256."""
    return f"blobs/{digest}"


def manifest_file(digest: str) -> str:
    """Where the store keeps the manifest of this sha256."""
    return f"manifests/{digest}.json"


def signature_file(digest: str) -> str:
    """Where the store keeps the signature of the manifest of this sha256."""
    return f"manifests/{digest}.sig"


def channel_file(name: str) -> str:
    """Where the store keeps this channel."""
    return f"channels/{name}.json"


def _download(place: Place, name: str, entry: FileEntry, into: Path) -> Iterator[int]:
    """Yields the bytes of each piece, once it is in the file."""
    what = f"{place.where}/{blob_file(entry.sha256)} ({name})"
    digest, size = hashlib.sha256(), 0
    try:
        with open(into / name, "xb") as file:
            for piece in place.stream(blob_file(entry.sha256), entry.size):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
                yield len(piece)
            file.flush()
            os.fsync(file.fileno())
    except NotFoundError as error:
        raise RefusedError(f"{what} is missing; push the model anew") from error
    except TooLargeError as error:
        raise RefusedError(
            f"{what} is larger than the {entry.size} bytes that were signed; push the model anew"
        ) from error
    except OSError as error:
        raise StorageError(f"cannot write {into / name}: {error.strerror}; {remedy(error)}") from error
    if size < entry.size:
        raise RefusedError(f"{what} is cut short: {size} of {entry.size} bytes; push the model anew")
    if digest.hexdigest() != entry.sha256:
        raise RefusedError(f"{what} was changed: its sha256 is not the one that was signed; push the model anew")


def _write(path: Path, content: bytes) -> None:
    try:
        with open(path, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; {remedy(error)}") from error
