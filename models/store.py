"""The model store: where trained models rest between the workstation and the cars, in a folder or a bucket.

blobs/SHA256                 the content of a model's files, named by it; never changes
manifests/SHA256.json        a model: its manifest.json to the letter; never changes
manifests/SHA256.sig         who signed that
channels/NAME.json           which model cars should drive: signed, and moved by compare-and-swap

A push writes from top to bottom, so that what names something is only there when that is. One that is cut short leaves
blobs that nothing names, which `models.sweep` finds.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from errors import UserError
from models.channel import (
    MOST_BEFORE,
    MOST_BYTES,
    Channel,
    ChannelError,
    check_channel_name,
    read_channel,
    write_channel,
)
from models.fetch import (
    MOST_MANIFEST_BYTES,
    MOST_MODEL_BYTES,
    RefusedError,
    Told,
    blob_file,
    channel_file,
    manifest_file,
    read_manifest,
    signature_file,
)
from models.folder import MANIFEST, NEEDED, load_model
from models.manifest import Manifest
from models.signing import SigningError, SigningKey, TrustedKeys
from storage.place import ABSENT, ConflictError, NotFoundError, Place


class StoreError(UserError):
    """The store cannot do that. The message is one line: the cause and the remedy."""


@dataclass(frozen=True)
class State:
    """A channel as it was read; only from there can it be moved."""

    name: str
    channel: Channel | None  # None: there is none yet
    tag: str


@dataclass(frozen=True)
class Listed:
    """A model of the store."""

    digest: str  # sha256 of its manifest
    manifest: Manifest | None
    fault: str = ""  # why there is no manifest that can be trusted


def push(place: Place, folder: Path, key: SigningKey, told: Told = lambda *_: None) -> str:
    """Check a model folder as a car would, sign it, and bring it to the store; the sha256 of its manifest.

    Pushed again, it changes nothing but whose signature it has. Raises ModelError where the folder fails a check,
    StoreError where it is larger than cars take, StorageError.
    """
    model = load_model(folder)
    content = (model.folder / MANIFEST).read_bytes()
    files = {name: entry for name, entry in model.manifest.files.items() if (model.folder / name).exists()}
    total = sum(entry.size for entry in files.values())
    if total > MOST_MODEL_BYTES or len(content) > MOST_MANIFEST_BYTES:
        raise StoreError(
            f"{model.folder} has {total} bytes, and cars take at most {MOST_MODEL_BYTES}; train a smaller one"
        )
    done = 0
    for name, entry in files.items():
        # Over one that is there: it might be broken, and its age is what keeps it from being swept away.
        place.write(blob_file(entry.sha256), (model.folder / name).read_bytes())
        done += entry.size
        told(done, total)
    digest = hashlib.sha256(content).hexdigest()
    place.write(signature_file(digest), key.sign("manifest", content).model_dump_json().encode())
    place.write(manifest_file(digest), content)
    return digest


def read_state(place: Place, name: str, trusted: TrustedKeys) -> State:
    """A channel as it is now. Raises ChannelError for a name that no channel has; ChannelError, SigningError where its
    file cannot be believed; StorageError."""
    check_channel_name(name)
    file = channel_file(name)
    try:
        content, tag = place.read_tagged(file, MOST_BYTES)
    except NotFoundError:
        return State(name, None, ABSENT)
    return State(name, read_channel(content, name, trusted, f"{place.where}/{file}"), tag)


def promote(place: Place, state: State, digest: str, key: SigningKey, trusted: TrustedKeys) -> Channel:
    """Let the channel name this model from now on. Of several who do so from the same state exactly one succeeds.

    Raises StoreError where somebody else moved the channel since the state was read; RefusedError, SigningError where
    the model is not there, whole and signed; StorageError.
    """
    manifest, _, _ = read_manifest(place, digest, trusted)
    for name in NEEDED:
        entry = manifest.files.get(name)
        there = next(place.entries(blob_file(entry.sha256)), None) if entry else None
        if entry is None or there is None or there.size_bytes != entry.size:
            raise RefusedError(f"{place.where} lacks {name} of {manifest.name}, or has half of it; push the model anew")
    before = state.channel.before if state.channel else ()
    if state.channel and state.channel.model != digest:
        before = (state.channel.model, *before)[:MOST_BEFORE]
    return _move(place, state, digest, before, key)


def rollback(place: Place, state: State, key: SigningKey, trusted: TrustedKeys) -> Channel:
    """Let the channel name the model that it named before. Raises StoreError where it named none; else as `promote`."""
    if state.channel is None or not state.channel.before:
        raise StoreError(f"the channel {state.name} of {place.where} named no other model before; promote one")
    digest, *before = state.channel.before
    read_manifest(place, digest, trusted)
    return _move(place, state, digest, tuple(before), key)


def list_models(place: Place, trusted: TrustedKeys) -> list[Listed]:
    """All models, by their sequence. One that cannot be trusted is among them, with the reason. Raises StorageError."""
    found = []
    for entry in place.entries("manifests/"):
        digest = entry.name.removeprefix("manifests/").removesuffix(".json")
        if entry.name == manifest_file(digest):
            try:
                found.append(Listed(digest, read_manifest(place, digest, trusted)[0]))
            except (RefusedError, SigningError) as error:
                found.append(Listed(digest, None, str(error)))
    return sorted(found, key=lambda one: (one.manifest.sequence if one.manifest else -1, one.digest))


def list_channels(place: Place, trusted: TrustedKeys) -> tuple[list[Channel], list[str]]:
    """The channels, and what is wrong with those that cannot be believed. Raises StorageError."""
    channels, faults = [], []
    for entry in place.entries("channels/"):
        name = entry.name.removeprefix("channels/").removesuffix(".json")
        try:
            state = read_state(place, name, trusted)
        except (ChannelError, SigningError) as error:
            faults.append(str(error))
        else:
            channels += [state.channel] if state.channel else []
    return channels, faults


def find(models: list[Listed], channels: list[Channel], text: str) -> Listed:
    """The model that a person means: by a channel, by the first digits (4 or more) of its sha256, or by its name; of
    several models of one name the newest. Raises StoreError where there is none, or the digits fit several."""
    named = {channel.name: channel.model for channel in channels}
    if text in named:
        fitting = [one for one in models if one.digest == named[text]]
    else:
        fitting = [one for one in models if one.manifest and one.manifest.name == text][-1:]
        if not fitting and len(text) >= 4:
            fitting = [one for one in models if one.digest.startswith(text)]
    if len(fitting) > 1:
        raise StoreError(f"{len(fitting)} models begin with {text}; give more digits")
    if not fitting:
        raise StoreError(f"there is no model {text!r} in the store; `manage.py models list` shows what there is")
    return fitting[0]


def _move(place: Place, state: State, digest: str, before: tuple[str, ...], key: SigningKey) -> Channel:
    now = datetime.now(UTC)
    channel = Channel(
        name=state.name,
        sequence=max(int(now.timestamp()), state.channel.sequence + 1 if state.channel else 0),
        model=digest,
        before=before,
        issued=now.isoformat(timespec="seconds"),
        nonce=secrets.token_hex(8),
    )
    try:
        place.write(channel_file(state.name), write_channel(channel, key), only_if=state.tag)
    except ConflictError as error:
        raise StoreError(
            f"somebody else moved the channel {state.name} of {place.where} in the meantime, so it was left as it is; "
            "look at it (`manage.py models list`), and promote again where you still want to"
        ) from error
    return channel
