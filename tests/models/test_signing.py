import base64
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.signing import Signature, SigningError, load_key, load_trusted, make_key, trust
from tests.models.stores import Owner, owner


def test_what_a_trusted_key_signed_is_believed_and_nothing_else(tmp_path: Path) -> None:
    key = make_key(tmp_path / "workstation")
    assert load_key(tmp_path / "workstation").id == key.id
    trust(tmp_path / "car", tmp_path / "workstation" / "keys" / "signing.pub")
    trusted = load_trusted(tmp_path / "car")
    signature = key.sign("manifest", b"content")
    trusted.verify("manifest", b"content", signature, "it")
    with pytest.raises(SigningError, match="it was changed after it was signed"):
        trusted.verify("manifest", b"Content", signature, "it")
    with pytest.raises(SigningError, match="it was changed after it was signed"):
        trusted.verify("channel", b"content", signature, "it")
    with pytest.raises(SigningError, match=f"signed with the key {key.id}, and trusted here is no key at all"):
        load_trusted(tmp_path / "other").verify("manifest", b"content", signature, "it")


@pytest.fixture(scope="module")
def owners(tmp_path_factory: pytest.TempPathFactory) -> Owner:
    return owner(tmp_path_factory.mktemp("workstation"))


@given(st.binary(max_size=200), st.integers(0, 511))
@settings(deadline=None)
def test_no_signature_with_a_flipped_bit_holds(owners: Owner, content: bytes, bit: int) -> None:
    value = bytearray(base64.b64decode(owners.key.sign("channel", content).value))
    value[bit // 8] ^= 1 << bit % 8
    flipped = Signature(key=owners.key.id, value=base64.b64encode(value).decode())
    with pytest.raises(SigningError, match="was changed"):
        owners.trusted.verify("channel", content, flipped, "it")


def test_a_key_is_replaced_with_both_trusted_in_between(tmp_path: Path) -> None:
    keys = [make_key(tmp_path / name) for name in ("old", "new", "third")]
    public = [tmp_path / name / "keys" / "signing.pub" for name in ("old", "new", "third")]
    car = tmp_path / "car"
    trust(car, public[0])
    trust(car, public[1])
    assert set(load_trusted(car).ids) == {keys[0].id, keys[1].id}
    with pytest.raises(SigningError, match="as many as may be.*--instead-of"):
        trust(car, public[2])
    with pytest.raises(SigningError, match="0000000000000000 is not trusted here"):
        trust(car, public[2], instead_of="0000000000000000")
    trust(car, public[2], instead_of=keys[0].id)
    assert set(load_trusted(car).ids) == {keys[1].id, keys[2].id}
    trust(car, public[2])
    assert set(load_trusted(car).ids) == {keys[1].id, keys[2].id}


def test_the_private_key_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_key(tmp_path)
    finally:
        os.umask(before)
    private = tmp_path / "keys" / "signing.key"
    assert private.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SigningError, match="is there already"):
        make_key(tmp_path)
    private.chmod(0o640)
    with pytest.raises(SigningError, match=f"can be read by others; type `chmod 600 {private}`"):
        load_key(tmp_path)


def test_a_key_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(SigningError, match="`manage.py models keygen` makes one"):
        load_key(tmp_path)
    (tmp_path / "keys").mkdir()
    private = tmp_path / "keys" / "signing.key"
    private.write_text("nonsense")
    private.chmod(0o600)
    with pytest.raises(SigningError, match="is broken"):
        load_key(tmp_path)
    with pytest.raises(SigningError, match="is no public key"):
        trust(tmp_path, private)
    with pytest.raises(SigningError, match="cannot read"):
        trust(tmp_path, tmp_path / "nowhere.pub")
    assert load_trusted(tmp_path).ids == ()


@pytest.mark.parametrize("command", ["genpkey -algorithm RSA", "genpkey -algorithm X25519"])
def test_a_key_of_another_kind_is_told(tmp_path: Path, command: str) -> None:
    (tmp_path / "keys").mkdir()
    private = tmp_path / "keys" / "signing.key"
    subprocess.run(["openssl", *command.split(), "-out", private], check=True, capture_output=True)
    private.chmod(0o600)
    with pytest.raises(SigningError, match="key of another kind"):
        load_key(tmp_path)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", tmp_path / "it.pub"], check=True)
    with pytest.raises(SigningError, match="key of another kind"):
        trust(tmp_path, tmp_path / "it.pub")


def test_trusted_keys_are_what_their_files_say(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    file = tmp_path / "keys" / "trusted" / f"{key.id}.pub"
    file.rename(file.with_name("0123456789abcdef.pub"))
    with pytest.raises(SigningError, match=f"is the key {key.id}"):
        load_trusted(tmp_path)
