"""Model stores for tests: keys, models that differ, and files as a liar would put them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.channel import Channel, write_channel
from models.fetch import blob_file, channel_file, manifest_file, signature_file
from models.folder import GOLDEN, MANIFEST
from models.signing import SigningKey, TrustedKeys, load_trusted, make_key
from storage.place import Place
from tests.conftest import PRETRAINED

MOST = 1 << 30


@dataclass
class Owner:
    """Somebody with a key of their own."""

    car: Path
    key: SigningKey
    trusted: TrustedKeys


def owner(car: Path) -> Owner:
    return Owner(car, make_key(car), load_trusted(car))


def variant(folder: Path, name: str) -> Path:
    """A copy of the shipped model under another name, with golden vectors in a file of other bytes."""
    folder.mkdir(parents=True)
    for file in PRETRAINED.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with np.load(folder / GOLDEN) as golden:
        np.savez(folder / GOLDEN, **golden, of=np.array([name]))
    content = (folder / GOLDEN).read_bytes()
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["name"] = name
    manifest["files"][GOLDEN] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def put_manifest(place: Place, manifest: dict, key: SigningKey) -> str:
    """Sign a manifest, whatever it says, and put it in the store; its sha256."""
    content = json.dumps(manifest).encode()
    digest = hashlib.sha256(content).hexdigest()
    place.write(manifest_file(digest), content)
    place.write(signature_file(digest), key.sign("manifest", content).model_dump_json().encode())
    return digest


def put_channel(place: Place, name: str, digest: str, key: SigningKey, sequence: int = 1, **more) -> None:
    """Sign a channel, and put it in the store without asking what is there."""
    fields = {"name": name, "sequence": sequence, "model": digest, "issued": "now", "nonce": "0" * 16} | more
    place.write(channel_file(name), write_channel(Channel(**fields), key))


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text())


def change_blob(place: Place, sha256: str, change) -> None:
    place.write(blob_file(sha256), change(place.read(blob_file(sha256), MOST)))
