"""From bytes to messages: JSON objects, cut anywhere by the network. Nothing that comes in is trusted.

A simulator ends each message with a newline; a client ends it with nothing at all, so that a message ends where its
object does. Neither form may nest: that is refused before it is parsed, so that no depth can overflow a stack.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]

TO_SIMULATOR_BYTES = 16_384  # the longest message of a client; the protocol's own have 400
TO_CLIENT_BYTES = 8_000_000  # two pictures of 512 x 512 that are not compressed, and a lidar
MOST_NESTED = 32  # lists, and objects as values: a message has two at most
MOST_BAD = 1000  # in one conversation
_NESTED_OBJECT = re.compile(r":\s*\{")
_COMMA_NUMBER = re.compile(r'("[A-Za-z_]+":-?\d+),(\d+(?:E-?\d+)?)(?=[,}])')  # Unity on a French or German system
_LONGEST_WORD = 10  # of JSON, beside strings: -Infinity, \uXXXX; so near its end a text may just be cut short
_DECODER, _ENCODER = json.JSONDecoder(), json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class Nonsense(ValueError):
    """A message that does not end, or too much that is no message: whoever sends that speaks another language."""


class Lines:
    """What a simulator sends: a message a line. `bad` counts lines that were none."""

    def __init__(self, most_bytes: int = TO_CLIENT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._parts: list[bytes] = []  # of a line whose end has not come
        self._size = 0
        self.bad = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that end in these bytes. Raises Nonsense."""
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._parts, lines[0]])
            self._parts, self._size = [], 0
        self._parts.append(rest)
        self._size += len(rest)
        if self._size > self._most_bytes:
            raise Nonsense(f"a message of more than {self._most_bytes} bytes")
        return list(self._messages(lines))

    def _messages(self, lines: list[bytes]) -> Iterator[Message]:
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if len(text) <= 2:  # noise between messages, not worth a word
                continue
            message = parse(text) or parse(_COMMA_NUMBER.sub(r"\1.\2", text))
            if message is not None:
                yield message
                continue
            self.bad = _one_more(self.bad)


class Objects:
    """What a client sends: objects back to back, with or without white space or newlines between them.

    `bad` counts what was none: an object that breaks off is dropped where the next one begins.
    """

    def __init__(self, most_bytes: int = TO_SIMULATOR_BYTES) -> None:
        self._most_chars = most_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self.bad = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that end in these bytes. Raises Nonsense."""
        text = self._text + self._decoder.decode(data)
        if _nests(text):
            self._text, self.bad = "", _one_more(self.bad)
            return []
        found, at = [], text.find("{")
        while at >= 0:
            try:
                message, at_end = _decode(text, at)
            except json.JSONDecodeError as error:
                if error.pos >= len(text) - _LONGEST_WORD or error.msg.startswith("Unterminated string"):
                    break  # its end has not come
                message, at_end = None, at + 1
            if message is None:
                self.bad = _one_more(self.bad)
            else:
                found.append(message)
            at = text.find("{", at_end)
        self._text = text[at:] if at >= 0 else ""
        if len(self._text) > self._most_chars:
            raise Nonsense(f"a message of more than {self._most_chars} characters")
        return found


def parse(text: str) -> Message | None:
    """One message, a whole text; None where it is none."""
    if _nests(text):
        return None
    try:
        message, end = _decode(text, 0)
    except json.JSONDecodeError:
        return None
    return message if end == len(text) else None


def _decode(text: str, at: int) -> tuple[Message | None, int]:
    """The object that begins there, None where it is no message, and where it ends. Raises JSONDecodeError."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of thousands of digits
        return None, len(text)
    if not isinstance(value, dict) or not isinstance(value.get("msg_type"), str):
        return None, end
    return value, end


def _nests(text: str) -> bool:
    if text.count("[") > MOST_NESTED:
        return True
    return text.count("{") > MOST_NESTED and len(_NESTED_OBJECT.findall(text)) > MOST_NESTED  # seldom looked for


def _one_more(bad: int) -> int:
    if bad >= MOST_BAD:
        raise Nonsense(f"{MOST_BAD} pieces that are no messages")
    return bad + 1


def encode(message: Message) -> bytes:
    """As both ends want it: compact, ASCII, no newline in it, none after it."""
    return _ENCODER.encode(message).encode()
