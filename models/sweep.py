"""What of a model store can go, and whether what stays is whole."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from models.fetch import MOST_MANIFEST_BYTES, RefusedError, blob_file, manifest_file, read_manifest, signature_file
from models.signing import SigningError, TrustedKeys
from models.store import StoreError, list_channels, list_models
from storage.files import StorageError
from storage.place import Entry, NotFoundError, Place

PUSH_S = 3600.0  # what is younger might belong to a push that goes on at this moment


@dataclass(frozen=True)
class Checked:
    """A model of the store, and what is wrong with it; "" where nothing is."""

    name: str
    digest: str
    fault: str


def garbage(place: Place, trusted: TrustedKeys, keep: int | None = None, older_than_s: float = PUSH_S) -> list[Entry]:
    """The files that nobody needs: what a push left that was cut short, and what no manifest names.

    keep: of the models that no channel names, nor named before, only so many go on being needed, the newest.
    A manifest that cannot be believed or understood stays, with all it names: it may be a newer program's.
    Raises StoreError where `keep` is given and a channel cannot be believed; StorageError.
    """
    # Files first, then what names them: a push that goes on meanwhile names more, never less.
    files = [entry for area in ("blobs/", "manifests/") for entry in place.entries(area)]
    models = list_models(place, trusted)
    dropped: set[str] = set()
    if keep is not None:
        channels, faults = list_channels(place, trusted)
        if faults:
            raise StoreError(f"which models are needed is not known: {faults[0]}")
        named = {digest for channel in channels for digest in (channel.model, *channel.before)}
        others = [model.digest for model in models if model.manifest and model.digest not in named]
        dropped = set(others[: max(0, len(others) - keep)])
    needed = set()
    for model in models:
        if model.digest not in dropped:
            needed |= {manifest_file(model.digest), signature_file(model.digest)}
            content = place.read(manifest_file(model.digest), MOST_MANIFEST_BYTES)
            needed |= {blob_file(digest.decode()) for digest in re.findall(rb"[0-9a-f]{64}", content)}
    before = datetime.now(UTC) - timedelta(seconds=older_than_s)
    return [entry for entry in files if entry.name not in needed and entry.modified <= before]


def remove(place: Place, files: list[Entry]) -> Iterator[Entry]:
    """Delete these files, manifests first; yields each that was. What was written anew since it was listed stays, for
    a push has come to need it. Raises StorageError."""
    for entry in sorted(files, key=lambda entry: entry.name, reverse=True):
        now = next((one for one in place.entries(entry.name) if one.name == entry.name), None)
        if now is not None and now.modified == entry.modified:
            place.delete(entry.name)
            yield entry


def check_store(place: Place, trusted: TrustedKeys) -> Iterator[Checked]:
    """Download every model, and check it against its signature. Raises StorageError where the place is out of reach."""
    for model in list_models(place, trusted):
        if model.manifest is None:
            yield Checked("?", model.digest, model.fault)
            continue
        faults = [
            f"{name} {fault}"
            for name, entry in model.manifest.files.items()
            if (fault := _fault(place, entry.sha256, entry.size))
        ]
        yield Checked(model.manifest.name, model.digest, "; ".join(faults))
    channels, faults = list_channels(place, trusted)
    yield from (Checked("?", "", fault) for fault in faults)
    for channel in channels:
        try:
            read_manifest(place, channel.model, trusted)
        except (RefusedError, SigningError) as error:
            yield Checked(channel.name, channel.model, str(error))
        else:
            yield Checked(channel.name, channel.model, "")


def _fault(place: Place, sha256: str, size: int) -> str:
    digest = hashlib.sha256()
    try:
        for piece in place.stream(blob_file(sha256), size):
            digest.update(piece)
    except NotFoundError:
        return "is missing"
    except StorageError as error:
        return str(error)
    return "" if digest.hexdigest() == sha256 else "was changed: its sha256 is not the one that was signed"
