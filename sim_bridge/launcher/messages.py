"""What the launcher and its clients say: JSON, a line each, with these fields and no others.

    server   Greeting                   a nonce
    client   Answer                     a nonce; from here on every line is signed (session.py)
    client   Hello                      the first signed line: it shows that the client has the secret
    server   Welcome                    likewise
    client   Start, Ping, Kill, Status  one at a time; each is answered
    server   Started, Living, Killed, Report, or Refused

Refused may come unsigned before Welcome, from a server that cannot sign for this client. Then the connection ends.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

LONGEST = 16_384  # bytes of a line, with its signature and its end
LONGEST_UNSIGNED = 256  # a stranger's
MOST_SIMULATORS = 64  # of one launcher; a Report of so many fits into a line

Port = Annotated[int, Field(ge=1, le=65535)]
Nonce = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Ports = Annotated[tuple[Port, ...], Field(max_length=MOST_SIMULATORS)]


class BadMessage(Exception):
    """A line that is no message, or not one for this moment. The conversation ends."""


class Message(BaseModel):
    """Every message has its name in `says`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Greeting(Message):
    """The server's first word."""

    says: Literal["launcher"] = "launcher"
    version: Literal[1] = 1
    nonce: Nonce


class Answer(Message):
    """The client's."""

    says: Literal["client"] = "client"
    nonce: Nonce


class Hello(Message):
    """Signed: the client has the secret."""

    says: Literal["hello"] = "hello"


class Start(Message):
    """A simulator, please."""

    says: Literal["start"] = "start"


class Ping(Message):
    """The client is there, and needs its simulators."""

    says: Literal["ping"] = "ping"


class Kill(Message):
    """End this simulator, which is the client's own."""

    says: Literal["kill"] = "kill"
    port: Port


class Status(Message):
    """What runs?"""

    says: Literal["status"] = "status"


class Welcome(Message):
    """Signed: the server has the secret."""

    says: Literal["welcome"] = "welcome"
    idle_s: Annotated[float, Field(gt=0)]  # a client that is silent for so long loses its simulators
    start_s: Annotated[float, Field(gt=0)]  # a simulator may take so long to come up


class Started(Message):
    """A simulator that answers on this port of the server's."""

    says: Literal["started"] = "started"
    port: Port


class Living(Message):
    """The client's simulators that run."""

    says: Literal["living"] = "living"
    ports: Ports


class Killed(Message):
    """It has ended, and its port is free."""

    says: Literal["killed"] = "killed"
    port: Port


class Slot(Message):
    """One simulator, as the status shows it."""

    port: Port
    state: Literal["starting", "running", "ending"]
    client: Annotated[str, Field(max_length=64)]
    age_s: Annotated[float, Field(ge=0)]
    silent_s: Annotated[float, Field(ge=0)]  # since its client's last word


class Report(Message):
    """What runs."""

    says: Literal["report"] = "report"
    most: Annotated[int, Field(ge=1, le=MOST_SIMULATORS)]
    started: Annotated[int, Field(ge=0)]  # since the launcher's start
    refused: Annotated[int, Field(ge=0)]  # connections: wrong secrets, broken messages, floods
    slots: Annotated[tuple[Slot, ...], Field(max_length=MOST_SIMULATORS)]


class Refused(Message):
    """No, and why."""

    says: Literal["refused"] = "refused"
    why: Annotated[str, Field(max_length=300)]


Request = Hello | Start | Ping | Kill | Status
Reply = Welcome | Started | Living | Killed | Report | Refused

T = TypeVar("T")
_REQUESTS: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="says")])
_REPLIES: TypeAdapter[Reply] = TypeAdapter(Annotated[Reply, Field(discriminator="says")])
_GREETINGS: TypeAdapter[Greeting | Refused] = TypeAdapter(Annotated[Greeting | Refused, Field(discriminator="says")])
_ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)


def line(message: Message) -> bytes:
    """Unsigned, with its end."""
    return message.model_dump_json().encode() + b"\n"


def read_request(text: bytes) -> Request:
    """Raises BadMessage."""
    return _read(_REQUESTS, text)


def read_reply(text: bytes) -> Reply:
    """Raises BadMessage."""
    return _read(_REPLIES, text)


def read_greeting(text: bytes) -> Greeting | Refused:
    """Raises BadMessage."""
    return _read(_GREETINGS, text)


def read_answer(text: bytes) -> Answer:
    """Raises BadMessage."""
    if len(text) > LONGEST_UNSIGNED:
        raise BadMessage(f"{len(text)} bytes before it has shown that it has the secret")
    return _read(_ANSWERS, text)


def _read(adapter: TypeAdapter[T], text: bytes) -> T:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        # without the input, which may be anything at all: it would go into a log
        raise BadMessage(f"a message that is none: {error.errors(include_input=False)[0]['type']}") from error
