"""Signed lines. Nothing here waits or sends: the same code serves both ends.

The key of one conversation is made of the shared key and a nonce of each side's, so what was overheard in another one
is worthless. Each line carries an HMAC-SHA256 (RFC 2104) over who says it, the how-manyth line of theirs it is, and the
text; so a line that was changed, repeated, left out or sent back to its sender is noticed.
"""

import hmac
import secrets
from typing import Literal

from pydantic import BaseModel

from sim_bridge.launcher.messages import BadMessage

Side = Literal["server", "client"]
_SIGNATURE = 64  # hexadecimal digits


def new_nonce() -> str:
    """As messages.Nonce: 32 bytes that never were before."""
    return secrets.token_hex(32)


class Session:
    """One end of one conversation."""

    def __init__(self, side: Side, key: bytes, server_nonce: str, client_nonce: str) -> None:
        self._side: Side = side
        self._other: Side = "client" if side == "server" else "server"
        nonces = bytes.fromhex(server_nonce) + bytes.fromhex(client_nonce)
        self._key = hmac.digest(key, b"SimLauncher3000 conversation" + nonces, "sha256")
        self._sent = self._received = 0

    def sign(self, message: BaseModel) -> bytes:
        """The line to send, with its end."""
        text = message.model_dump_json().encode()
        signature = self._signature(self._side, self._sent, text)
        self._sent += 1
        return signature + b" " + text + b"\n"

    def check(self, line: bytes) -> bytes:
        """The text of a line that came in, without its end. Raises BadMessage where it is not the other side's next."""
        signature, text = line[:_SIGNATURE], line[_SIGNATURE + 1 :]
        expected = self._signature(self._other, self._received, text)
        if not hmac.compare_digest(signature, expected) or line[_SIGNATURE : _SIGNATURE + 1] != b" ":
            raise BadMessage("a wrong signature")
        self._received += 1
        return text

    def _signature(self, side: Side, number: int, text: bytes) -> bytes:
        signed = side.encode() + number.to_bytes(8, "big") + text
        return hmac.digest(self._key, signed, "sha256").hex().encode()
