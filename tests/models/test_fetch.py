"""A place that lies: each lie is refused with its own message, and nothing of it is left to be driven."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from models.contract import Contract
from models.fetch import (
    SIGNATURE,
    RefusedError,
    blob_file,
    channel_file,
    fetch,
    manifest_file,
    read_pointer,
    signature_file,
)
from models.folder import FLOAT, GOLDEN, MANIFEST, MODEL, ModelError, load_model
from models.signing import SigningError
from models.store import promote, push, read_state
from storage.folder import FolderPlace
from storage.place import Place
from tests.conftest import PRETRAINED
from tests.models.stores import MOST, Owner, change_blob, manifest_of, owner, put_channel, put_manifest

SHIPPED = manifest_of(PRETRAINED)
FILES = SHIPPED["files"]


@pytest.fixture
def liar(tmp_path: Path) -> Owner:
    """Who can write to the place, and has a key, but not one that is trusted."""
    return owner(tmp_path / "liar")


@pytest.fixture
def digest(place: Place, mine: Owner) -> str:
    """The shipped model, pushed, and named by stable."""
    digest = push(place, PRETRAINED, mine.key)
    promote(place, read_state(place, "stable", mine.trusted), digest, mine.key, mine.trusted)
    return digest


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


def test_what_was_pushed_arrives_and_drives(place: Place, mine: Owner, digest: str, into: Path) -> None:
    channel = read_pointer(place, "stable", mine.trusted)
    assert channel.model == digest
    assert read_pointer(place, "stable", mine.trusted, channel.sequence) == channel
    told = []
    manifest = fetch(place, channel.model, mine.trusted, into, lambda done, total: told.append((done, total)))
    assert manifest == load_model(into).manifest
    assert {file.name for file in into.iterdir()} == {MODEL, GOLDEN, MANIFEST, SIGNATURE}
    total = FILES[MODEL]["size"] + FILES[GOLDEN]["size"]
    assert told[-1] == (total, total)
    assert told == sorted(told)


def _flip(content: bytes) -> bytes:
    return content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]


@pytest.mark.parametrize("name", [MODEL, GOLDEN])
@pytest.mark.parametrize(
    ("lie", "complaint"),
    [
        (_flip, "was changed: its sha256 is not the one that was signed"),
        (lambda content: content[:-1], "is cut short: {less} of {size} bytes"),
        (lambda content: b"", "is cut short: 0 of {size} bytes"),
        (lambda content: content + b"\0", "is larger than the {size} bytes that were signed"),
    ],
)
def test_a_blob_that_was_changed_is_refused(
    place: Place, mine: Owner, digest: str, into: Path, name: str, lie, complaint: str
) -> None:
    change_blob(place, FILES[name]["sha256"], lie)
    size = FILES[name]["size"]
    with pytest.raises(RefusedError, match=re.escape(f"({name}) " + complaint.format(size=size, less=size - 1))):
        fetch(place, digest, mine.trusted, into)
    assert not (into / MANIFEST).exists()


def test_a_blob_that_is_missing_is_told(place: Place, mine: Owner, digest: str, into: Path) -> None:
    place.delete(blob_file(FILES[GOLDEN]["sha256"]))
    with pytest.raises(RefusedError, match=re.escape("(golden.npz) is missing; push the model anew")):
        fetch(place, digest, mine.trusted, into)


def test_a_model_of_gigabytes_is_refused_unread(place: Place, mine: Owner, digest: str, into: Path) -> None:
    """Signed, even: an export that went wrong must not fill the car's card."""
    huge = SHIPPED | {"files": FILES | {MODEL: {"sha256": "0" * 64, "size": 2 << 30}}}
    with pytest.raises(RefusedError, match=r"is of a model of 2147\d{6} bytes, and at most 33554432 are taken"):
        fetch(place, put_manifest(place, huge, mine.key), mine.trusted, into)
    assert list(into.iterdir()) == []


def test_a_blob_of_gigabytes_is_refused_unread(tmp_path: Path, mine: Owner, into: Path) -> None:
    place = FolderPlace(tmp_path / "place")
    digest = push(place, PRETRAINED, mine.key)
    with open(place.folder / blob_file(FILES[MODEL]["sha256"]), "r+b") as file:
        file.truncate(2 << 30)
    with pytest.raises(RefusedError, match=rf"is larger than the {FILES[MODEL]['size']} bytes that were signed"):
        fetch(place, digest, mine.trusted, into)
    assert (into / MODEL).stat().st_size == 0


def test_a_manifest_of_another_key_is_refused(place: Place, mine: Owner, liar: Owner, digest: str, into: Path) -> None:
    for name in (SHIPPED["name"], "mine"):
        other = put_manifest(place, SHIPPED | {"name": name}, liar.key)
        with pytest.raises(
            SigningError, match=f"signed with the key {liar.key.id}, and trusted here is only {mine.key.id}"
        ):
            fetch(place, other, mine.trusted, into)
    assert list(into.iterdir()) == []


def test_a_manifest_that_was_changed_is_refused(place: Place, mine: Owner, digest: str, into: Path) -> None:
    content = place.read(manifest_file(digest), MOST).replace(b'"patate"', b'"batate"')
    place.write(manifest_file(digest), content)
    with pytest.raises(RefusedError, match="is not the file it is named by"):
        fetch(place, digest, mine.trusted, into)
    renamed = hashlib.sha256(content).hexdigest()
    place.write(manifest_file(renamed), content)
    place.write(signature_file(renamed), place.read(signature_file(digest), MOST))
    with pytest.raises(SigningError, match="was changed after it was signed"):
        fetch(place, renamed, mine.trusted, into)
    assert list(into.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        (signature_file, b"", "the signature of .* is broken"),
        (signature_file, b'{"key": "../../x", "value": ""}', "the signature of .* is broken"),
        (signature_file, bytes(5000), "5000 bytes, and at most 4096 are taken"),
        (manifest_file, bytes(300_000), "300000 bytes, and at most 262144 are taken"),
        (manifest_file, None, "does not exist; push the model anew"),
        (signature_file, None, "does not exist; push the model anew"),
    ],
)
def test_a_manifest_that_is_broken_is_refused(
    place: Place, mine: Owner, digest: str, into: Path, file, content: bytes | None, complaint: str
) -> None:
    place.delete(file(digest)) if content is None else place.write(file(digest), content)
    with pytest.raises(RefusedError, match=complaint):
        fetch(place, digest, mine.trusted, into)


def _with_contract(**observation) -> dict:
    contract = SHIPPED["contract"] | {"observation": SHIPPED["contract"]["observation"] | observation}
    return {"contract": contract, "contract_digest": Contract.model_validate(contract).digest}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_with_contract(frame_width=320), "wants a camera of 320 x 120"),
        (_with_contract(period_s=0.001), "wants to decide every 0.001 s"),
        ({"contract_digest": "0" * 64}, "does not have the digest it claims"),
        ({"files": FILES | {"../../evil": FILES[MODEL]}}, r"lists a file that no model has, '../../evil'"),
        ({"files": FILES | {"/etc/passwd": FILES[MODEL]}}, "lists a file that no model has, '/etc/passwd'"),
        ({"files": {MODEL: FILES[MODEL]}}, "does not list golden.npz"),
        ({"files": FILES | {MODEL: {"sha256": "../" * 21 + "a", "size": 1}}}, "files.model.tflite.sha256: .*update"),
        ({"schema_version": 2}, "schema_version: .*update this one"),
        ({"unheard": "of"}, "unheard: .*update this one"),
    ],
)
def test_a_signed_manifest_that_this_car_cannot_drive_is_refused_before_any_download(
    place: Place, mine: Owner, digest: str, into: Path, change: dict, complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        fetch(place, put_manifest(place, SHIPPED | change, mine.key), mine.trusted, into)
    assert list(into.iterdir()) == []
    assert not (into.parent / "evil").exists()


def test_an_older_channel_put_back_is_refused(place: Place, mine: Owner, digest: str) -> None:
    old = place.read(channel_file("stable"), MOST)
    first = read_pointer(place, "stable", mine.trusted)
    second = promote(place, read_state(place, "stable", mine.trusted), digest, mine.key, mine.trusted)
    assert second.sequence > first.sequence
    place.write(channel_file("stable"), old)
    assert read_pointer(place, "stable", mine.trusted, first.sequence) == first
    with pytest.raises(RefusedError, match=f"sequence {first.sequence}, and {second.sequence} was here before"):
        read_pointer(place, "stable", mine.trusted, second.sequence)


def test_a_channel_in_place_of_another_is_refused(place: Place, mine: Owner, digest: str) -> None:
    put_channel(place, "canary", digest, mine.key, sequence=1 << 40)
    place.write(channel_file("stable"), place.read(channel_file("canary"), MOST))
    with pytest.raises(RefusedError, match="is in truth the channel canary"):
        read_pointer(place, "stable", mine.trusted)


def test_a_channel_of_another_key_is_refused(place: Place, mine: Owner, liar: Owner, digest: str) -> None:
    put_channel(place, "stable", digest, liar.key, sequence=1 << 40)
    with pytest.raises(SigningError, match=f"signed with the key {liar.key.id}"):
        read_pointer(place, "stable", mine.trusted)


def _edited(file: bytes) -> bytes:
    content = json.loads(file)
    return json.dumps(content | {"signed": content["signed"].replace('"sequence":1', '"sequence":2')}).encode()


@pytest.mark.parametrize(
    ("lie", "error", "complaint"),
    [
        (lambda file: b"", RefusedError, "is no channel, or is broken"),
        (lambda file: file[:-3], RefusedError, "is no channel, or is broken"),
        (lambda file: b'{"signed": "{}"}', RefusedError, "is no channel, or is broken"),
        (lambda file: file + bytes(70_000), RefusedError, "bytes, and at most 65536 are taken"),
        (_edited, SigningError, "was changed after it was signed"),
    ],
)
def test_a_broken_channel_is_refused(place: Place, mine: Owner, digest: str, lie, error, complaint: str) -> None:
    place.write(channel_file("stable"), lie(place.read(channel_file("stable"), MOST)))
    with pytest.raises(error, match=complaint):
        read_pointer(place, "stable", mine.trusted)


def test_a_channel_that_is_not_there_is_told(place: Place, mine: Owner) -> None:
    with pytest.raises(RefusedError, match="there is no channel 'stable'"):
        read_pointer(place, "stable", mine.trusted)


def test_the_float_twin_stays_behind(place: Place, mine: Owner, digest: str, into: Path) -> None:
    place.delete(blob_file(FILES[FLOAT]["sha256"]))
    fetch(place, digest, mine.trusted, into)
    load_model(into)
