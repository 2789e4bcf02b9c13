"""What a bucket may say that is not so; each on the channel stable of a store whose car drives `first`."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from models.channel import Channel, write_channel
from models.contract import Contract
from models.fetch import blob_file, channel_file, manifest_file, read_pointer, signature_file
from models.folder import GOLDEN, MANIFEST, MODEL
from models.signing import SigningKey, make_key
from tests.models.installing import Store, small_model

MOST = 64 << 20


def flipped_bit(store: Store) -> None:
    digest = store.publish(small_model(store.folder, "flipped", commit="a flipped bit"))
    _change_golden(store, digest, lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])


def truncated_blob(store: Store) -> None:
    _change_golden(
        store, store.publish(small_model(store.folder, "short", commit="cut")), lambda content: content[:-100]
    )


def longer_blob(store: Store) -> None:
    digest = store.publish(small_model(store.folder, "long", commit="more"))
    _change_golden(store, digest, lambda content: content + b"more")


def missing_blob(store: Store) -> None:
    digest = store.publish(small_model(store.folder, "missing", commit="gone"))
    store.place.delete(blob_file(_manifest(store, digest)["files"][GOLDEN]["sha256"]))


def channel_of_another_key(store: Store) -> None:
    digest = store.publish(small_model(store.folder, "stolen", commit="channel"))
    other = make_key(store.folder / "another")
    store.place.write(channel_file("stable"), write_channel(_named(store, digest, 1 << 40), other))


def manifest_of_another_key(store: Store) -> None:
    manifest = json.loads((small_model(store.folder, "forged", commit="manifest") / MANIFEST).read_text())
    _put(store, manifest, make_key(store.folder / "a third"))


def older_sequence(store: Store) -> None:
    """What was there before, put back, however validly it was signed."""
    before = store.place.read(channel_file("stable"), MOST)
    second = store.publish(small_model(store.folder, "newer", commit="newer"))
    accepted = read_pointer(store.place, "stable", store.trusted)
    assert accepted.model == second
    from models.seen import remember_sequence

    remember_sequence(store.car, store.place.where, "stable", accepted.sequence)
    store.place.write(channel_file("stable"), before)


def another_channel(store: Store) -> None:
    store.publish(small_model(store.folder, "canary", commit="canary"), "canary")
    store.place.write(channel_file("stable"), store.place.read(channel_file("canary"), MOST))


def contract_that_does_not_fit(store: Store) -> None:
    contract = Contract().model_dump(mode="json")
    contract["observation"] |= {"frame_width": 320, "frame_height": 240}
    manifest = json.loads((small_model(store.folder, "wide") / MANIFEST).read_text())
    digest = Contract.model_validate(contract).digest
    _put(store, manifest | {"contract": contract, "contract_digest": digest}, store.key)


def two_gigabytes(store: Store) -> None:
    manifest = json.loads((small_model(store.folder, "huge") / MANIFEST).read_text())
    manifest["files"][MODEL]["size"] = 2 << 30
    _put(store, manifest, store.key)


def path_that_leads_out(store: Store) -> None:
    manifest = json.loads((small_model(store.folder, "climbing") / MANIFEST).read_text())
    manifest["files"]["../../settings.toml"] = manifest["files"][GOLDEN]
    _put(store, manifest, store.key)


def changed_manifest(store: Store) -> None:
    digest = store.publish(small_model(store.folder, "changed", commit="as signed"))
    content = store.place.read(manifest_file(digest), MOST)
    store.place.write(manifest_file(digest), content.replace(b"as signed", b"otherwise"))


def no_json(store: Store) -> None:
    store.place.write(channel_file("stable"), b"{ this is no channel")


def golden_outputs_of_another_model(store: Store) -> None:
    """Signed, whole, and yet not what drives well here: its own test finds that."""
    import io

    import numpy as np

    folder = small_model(store.folder, "changeling", commit="golden")
    with np.load(folder / GOLDEN) as golden:
        observations, outputs = golden["observations"], golden["outputs"]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, observations=observations, outputs=(outputs ^ 0x55).astype(np.int8))
    content = buffer.getvalue()
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][GOLDEN] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    for blob in ((folder / MODEL).read_bytes(), content):
        store.place.write(blob_file(hashlib.sha256(blob).hexdigest()), blob)
    _put(store, manifest, store.key)


LIES: dict[Callable[[Store], None], str] = {
    flipped_bit: r"golden\.npz\) was changed: its sha256 is not the one that was signed",
    truncated_blob: r"golden\.npz\) is cut short: \d+ of \d+ bytes",
    longer_blob: r"golden\.npz\) is larger than the \d+ bytes that were signed",
    missing_blob: r"golden\.npz\) is missing",
    channel_of_another_key: r"channels/stable\.json is signed with the key [0-9a-f]{16}, and trusted here is only",
    manifest_of_another_key: r"manifests/[0-9a-f]{64}\.json is signed with the key [0-9a-f]{16}, and trusted here",
    older_sequence: r"has the sequence \d+, and \d+ was here before",
    another_channel: r"is in truth the channel canary, put in its place",
    contract_that_does_not_fit: r"wants a camera of 320 x 240, this program has 160 x 120",
    two_gigabytes: r"is of a model of 21\d{8} bytes, and at most \d+ are taken",
    path_that_leads_out: r"'\.\./\.\./settings\.toml'",
    changed_manifest: r"is not the file it is named by",
    no_json: r"stable\.json is no channel, or is broken",
    golden_outputs_of_another_model: r"is not taken: it/model\.tflite does not give its golden outputs",
}


def _named(store: Store, digest: str, sequence: int) -> Channel:
    return Channel(name="stable", sequence=sequence, model=digest, issued="now", nonce="0" * 16)


def _manifest(store: Store, digest: str) -> dict[str, Any]:
    return json.loads(store.place.read(manifest_file(digest), MOST))


def _change_golden(store: Store, digest: str, change: Callable[[bytes], bytes]) -> None:
    name = blob_file(_manifest(store, digest)["files"][GOLDEN]["sha256"])
    store.place.write(name, change(store.place.read(name, MOST)))


def _put(store: Store, manifest: dict[str, Any], key: SigningKey) -> None:
    """A manifest, whatever it says, signed by that key, and named by the channel."""
    content = json.dumps(manifest).encode()
    digest = hashlib.sha256(content).hexdigest()
    store.place.write(manifest_file(digest), content)
    store.place.write(signature_file(digest), key.sign("manifest", content).model_dump_json().encode())
    newest = read_pointer(store.place, "stable", store.trusted).sequence
    store.place.write(channel_file("stable"), write_channel(_named(store, digest, newest + 1), store.key))
