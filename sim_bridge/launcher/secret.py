"""The secret that the launcher and its clients share: the environment variable PS. It is never sent."""

import functools
import hashlib
import os

from errors import UserError

VARIABLE = "PS"


def shared_secret() -> str:
    """Raises UserError where there is none."""
    secret = os.environ.get(VARIABLE, "")
    if not secret:
        raise UserError(
            f"the launcher and its clients share a secret, and the environment variable {VARIABLE} has none; "
            f"type the same  export {VARIABLE}=...  on both computers"
        )
    return secret


@functools.cache
def key_of(secret: str) -> bytes:
    """32 bytes. By scrypt (RFC 7914; 16 MB, a tenth of a second): whoever has overheard a conversation can try secrets
    on it, but slowly. The salt is fixed, since both sides have nothing but the secret."""
    return hashlib.scrypt(secret.encode(), salt=b"SimLauncher3000", n=2**14, r=8, p=1, dklen=32)
