"""Who made a model: Ed25519 signatures, the owner's private key, and the public keys that a car trusts.

<car>/keys/signing.key     private, mode 0600; only where models are pushed from
<car>/keys/signing.pub     its public half: what other machines are told to trust
<car>/keys/trusted/*.pub   whose models are taken here: one key, or two while one takes the place of the other

All are PEM files, which openssl reads too.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from pydantic import BaseModel, ConfigDict, Field

from errors import UserError
from storage.files import write_file

MOST_TRUSTED = 2
_PRIVATE, _PUBLIC, _TRUSTED = "signing.key", "signing.pub", "trusted"

Purpose = Literal["manifest", "channel"]  # signed too, so that what was signed as the one is never taken for the other


class SigningError(UserError):
    """A key cannot be used, or a signature does not hold. The message is one line: the cause and the remedy."""


class Signature(BaseModel):
    """A signature, and whose it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]  # key_id of the public key
    value: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]  # base64 of 64 bytes


def key_id(key: Ed25519PublicKey) -> str:
    """A short name of a key: the first 16 hex digits of its sha256."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


class SigningKey:
    """The private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.id = key_id(key.public_key())

    def sign(self, purpose: Purpose, content: bytes) -> Signature:
        value = self._key.sign(_message(purpose, content))
        return Signature(key=self.id, value=base64.b64encode(value).decode())


class TrustedKeys:
    """The public keys that are trusted here, by their ids."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = dict(keys)
        self.ids = tuple(sorted(keys))

    def verify(self, purpose: Purpose, content: bytes, signature: Signature, what: str) -> None:
        """Raises SigningError where the signature of `what` is another key's, or not of this content."""
        key = self._keys.get(signature.key)
        if key is None:
            trusted = f"only {' and '.join(self.ids)}" if self.ids else "no key at all"
            raise SigningError(
                f"{what} is signed with the key {signature.key}, and trusted here is {trusted}; if it is yours, type "
                "`manage.py models trust` with its signing.pub"
            )
        try:
            key.verify(base64.b64decode(signature.value, validate=True), _message(purpose, content))
        except (InvalidSignature, binascii.Error) as error:
            raise SigningError(f"{what} was changed after it was signed; it is not used") from error


def make_key(car: Path) -> SigningKey:
    """A new private key in the car's folder, trusted there from now on. Raises SigningError where there is one already,
    or two others are trusted; StorageError."""
    private = car / "keys" / _PRIVATE
    if private.exists():
        raise SigningError(f"{private} is there already; to take another, move it away first, and tell the cars")
    key = Ed25519PrivateKey.generate()
    _check_room(car, key_id(key.public_key()), None)
    write_file(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)
    public = car / "keys" / _PUBLIC
    write_file(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    trust(car, public)
    return SigningKey(key)


def load_key(car: Path) -> SigningKey:
    """The private key of the car's folder. Raises SigningError where there is none, or others may read it."""
    path = car / "keys" / _PRIVATE
    try:
        rights = path.stat().st_mode & 0o077
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SigningError(f"there is no {path} to sign with; `manage.py models keygen` makes one") from error
    except OSError as error:
        raise SigningError(f"cannot read {path}: {error.strerror}; mend its rights") from error
    if rights:
        raise SigningError(f"{path} can be read by others; type `chmod 600 {path}`, and think of a new key")
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningError(f"{path} is broken; restore it, or move it away and make a new one") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(f"{path} is a key of another kind; `manage.py models keygen` makes the right one")
    return SigningKey(key)


def trust(car: Path, public: Path, instead_of: str | None = None) -> str:
    """Take the models of this public key from now on, and no longer those of `instead_of`; the id of the key.

    Raises SigningError where the file is no public key, where two others are trusted already, or `instead_of` is not
    among them; StorageError.
    """
    key = _read_public(public)
    identity = key_id(key)
    _check_room(car, identity, instead_of)
    folder = car / "keys" / _TRUSTED
    write_file(folder / f"{identity}.pub", key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    if instead_of and instead_of != identity:
        (folder / f"{instead_of}.pub").unlink()
    return identity


def load_trusted(car: Path) -> TrustedKeys:
    """The keys that are trusted in this car's folder; there may be none. Raises SigningError where one is broken, is
    not the one its file is named by, or there are more than two."""
    keys = {}
    for path in sorted((car / "keys" / _TRUSTED).glob("*.pub")):
        key = _read_public(path)
        if path.stem != key_id(key):
            raise SigningError(
                f"{path} is the key {key_id(key)}; remove it, then `manage.py models trust` the right one"
            )
        keys[path.stem] = key
    if len(keys) > MOST_TRUSTED:
        raise SigningError(f"{car / 'keys' / _TRUSTED} has {len(keys)} keys; leave {MOST_TRUSTED} there at most")
    return TrustedKeys(keys)


def _check_room(car: Path, identity: str, instead_of: str | None) -> None:
    trusted = set(load_trusted(car).ids)
    if instead_of is not None and instead_of not in trusted:
        raise SigningError(
            f"{instead_of} is not trusted here, so nothing can take its place; `models trust` lists them"
        )
    if len((trusted - {instead_of}) | {identity}) > MOST_TRUSTED:
        raise SigningError(
            f"{' and '.join(sorted(trusted))} are trusted already, which is as many as may be; say which of them goes: "
            "--instead-of ID"
        )


def _read_public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise SigningError(f"cannot read {path}: {error.strerror}; name a signing.pub") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningError(f"{path} is no public key; name the signing.pub of the machine that pushes") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningError(f"{path} is a public key of another kind; name the signing.pub of the machine that pushes")
    return key


def _message(purpose: Purpose, content: bytes) -> bytes:
    return f"patate {purpose} 1\n".encode() + content
