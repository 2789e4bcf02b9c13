import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_bridge.donkeysim.framing import MOST_BAD, TO_SIMULATOR_BYTES, Lines, Nonsense, Objects, encode, parse

VALUES = st.one_of(st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
MESSAGES = st.dictionaries(st.sampled_from("abcé{"), VALUES, max_size=3).map(lambda fields: fields | {"msg_type": "x"})
WHOLE = encode({"msg_type": "control", "steering": "0.1", "throttle": "-1e400", "brake": '\\"'})
FRAGMENTS = [
    WHOLE, WHOLE[:20], WHOLE[20:], WHOLE + b"\n", b'{"msg_type":"', b'"', b"}", b"{", b":", b",", b"\n", b"\\",
    b"\\u12", b"{" * 50, b"[" * 50, b'{"a":' * 40, b"9" * 5000, b"-", b"1,5", b"tru", b"-Infinit", b"NaN", b"\xff\xfe",
    b"\xe2\x82", b"\r\n", b" ", b'{"msg_type":5}', b'{"no":"type"}', b"null", b"[]",
]  # fmt: skip
PIECES = st.one_of(st.sampled_from(FRAGMENTS), st.sampled_from(FRAGMENTS), st.binary(max_size=12))
# Shorter in all than a message may be: what is longer is refused, and has a test of its own.
STREAMS = st.lists(PIECES, max_size=8).filter(lambda pieces: sum(map(len, pieces)) + 4 < TO_SIMULATOR_BYTES)
QUICK = settings(max_examples=100, deadline=None)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    parts, at = [], 0
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    return [*parts, data[at:]]


@QUICK
@given(st.lists(MESSAGES, max_size=6), st.sampled_from([b"", b" ", b"\n", b"\r\n\t"]), st.lists(st.integers(1, 30)))
def test_a_clients_objects_come_out_however_they_are_cut(messages: list, between: bytes, sizes: list[int]) -> None:
    objects = Objects()
    data = between.join(map(encode, messages)) + between
    assert [message for part in cut(data, sizes) for message in objects.feed(part)] == messages
    assert objects.bad == 0


@QUICK
@given(st.lists(MESSAGES, max_size=6), st.sampled_from([b"\n", b"\r\n"]), st.lists(st.integers(1, 30)))
def test_a_simulators_lines_come_out_however_they_are_cut(messages: list, end: bytes, sizes: list[int]) -> None:
    lines = Lines()
    data = b"".join(encode(message) + end for message in messages)
    assert [message for part in cut(data, sizes) for message in lines.feed(part)] == messages


@QUICK
@given(STREAMS)
def test_nothing_that_comes_in_breaks_either_end(pieces: list[bytes]) -> None:
    hostile(pieces)


@pytest.mark.slow
@settings(max_examples=50_000, deadline=None)
@given(STREAMS)
def test_nothing_that_comes_in_breaks_either_end_a_hundred_thousand_streams(pieces: list[bytes]) -> None:
    hostile(pieces)


def hostile(pieces: list[bytes]) -> None:
    """One stream into each end; after it, the next message that is one is understood again."""
    for reader, end in ((Objects(), b""), (Lines(), b"\n")):
        for piece in pieces:
            for message in reader.feed(piece):
                assert isinstance(message["msg_type"], str)
        reader.feed(end + b'"}' + end)  # an open string ends
        for _ in range(3):
            found = reader.feed(encode({"msg_type": "ping"}) + end)
        assert {"msg_type": "ping"} in found


def test_a_half_message_is_dropped_where_the_next_begins() -> None:
    objects = Objects()
    assert objects.feed(b'{"msg_type":"con{"msg_type":"control","x":"1"}') == [{"msg_type": "control", "x": "1"}]
    assert objects.bad == 1
    assert objects.feed(b'{"msg_type":"load{}_scene"}') == [{"msg_type": "load{}_scene"}]


def test_decimal_commas_are_understood() -> None:
    assert Lines().feed(b'{"msg_type":"telemetry","speed":1,5,"cte":-2,25}\n') == [
        {"msg_type": "telemetry", "speed": 1.5, "cte": -2.25}
    ]


def test_depth_is_refused_before_it_is_parsed() -> None:
    for text in ('{"msg_type":"x","a":' + "[" * 100_000, '{"msg_type":"x","a":' + '{"a":' * 100_000):
        assert parse(text) is None
        objects = Objects()
        assert objects.feed(text.encode()) == []
        assert objects.feed(b'{"msg_type":"ping"}') == [{"msg_type": "ping"}]
    assert parse('{"msg_type":"x","n":' + "9" * 100_000 + "}") is None


def test_what_never_ends_is_refused_and_nothing_is_kept() -> None:
    for reader in (Objects(), Lines(TO_SIMULATOR_BYTES)):
        tracemalloc.start()
        reader.feed(b'{"msg_type":"')
        with pytest.raises(Nonsense):
            _ = [reader.feed(b"x" * 1000) for _ in range(100)]
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()


def test_much_that_is_no_message_is_refused() -> None:
    for reader in (Objects(), Lines()):
        with pytest.raises(Nonsense, match=str(MOST_BAD)):
            _ = [reader.feed(b'{"no":"type"}\n') for _ in range(MOST_BAD + 1)]


def test_messages_are_ascii_on_one_line() -> None:
    assert encode({"msg_type": "x", "a": "é\n"}) == b'{"msg_type":"x","a":"\\u00e9\\n"}'
    assert json.loads(encode({"msg_type": "x", "a": "é\n"}))["a"] == "é\n"
    with pytest.raises(ValueError, match="JSON"):
        encode({"msg_type": "x", "a": float("nan")})
