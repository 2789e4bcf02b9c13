"""A channel: the one thing of a model store that changes. It says which model a car that follows it should drive.

Its sequence grows with each move, back to an older model too; a car that has seen a sequence refuses a smaller one, so
that nobody who can write to the bucket can bring an old model back, however validly it was signed.
"""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from errors import UserError
from models.manifest import Sha256
from models.signing import Signature, SigningKey, TrustedKeys

MOST_BYTES = 64 << 10
MOST_BEFORE = 50  # how far back a rollback goes

_NAME = r"^[a-z][a-z0-9-]{0,31}$"


class ChannelError(UserError):
    """A channel cannot be used. The message is one line: the cause and the remedy."""


class Channel(BaseModel):
    """What is signed of channels/NAME.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=_NAME)]  # signed too: canary's word is not taken for stable's
    sequence: Annotated[int, Field(ge=0, lt=1 << 63)]  # seconds since 1970, or one more than the last, if that is more
    model: Sha256  # of the manifest.json of the model
    before: Annotated[tuple[Sha256, ...], Field(max_length=MOST_BEFORE)] = ()  # the last first: the way back
    issued: str  # UTC, ISO 8601
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]  # so that no two moves are the same bytes


def check_channel_name(name: str) -> None:
    """Raises ChannelError where no channel may have this name."""
    if not re.fullmatch(_NAME, name):
        raise ChannelError(f"{name!r} is no name of a channel; use lower-case letters, digits and -, like stable")


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    signed: str  # JSON of a Channel, to the letter what was signed
    signature: Signature


def write_channel(channel: Channel, key: SigningKey) -> bytes:
    """The content of its file."""
    signed = channel.model_dump_json()
    file = _File(signed=signed, signature=key.sign("channel", signed.encode()))
    return (file.model_dump_json(indent=2) + "\n").encode()


def read_channel(content: bytes, name: str, trusted: TrustedKeys, what: str) -> Channel:
    """Check the content of the file of the channel `name`. what: how messages call it.

    Raises SigningError where the signature is no trusted key's or does not hold, ChannelError where it is no channel's
    file, or another channel's.
    """
    try:
        file = _File.model_validate_json(content)
    except ValidationError as error:
        raise ChannelError(f"{what} is no channel, or is broken; `manage.py models promote` writes it anew") from error
    trusted.verify("channel", file.signed.encode(), file.signature, what)
    try:
        channel = Channel.model_validate_json(file.signed)
    except ValidationError as error:
        raise ChannelError(f"{what} is of another version of this program; update this one") from error
    if channel.name != name:
        raise ChannelError(f"{what} is in truth the channel {channel.name}, put in its place; it is not used")
    return channel
