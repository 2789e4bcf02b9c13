import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.guardian.messages import (
    BadMessage,
    Command,
    Kind,
    State,
    Status,
    decode_command,
    decode_status,
    encode_command,
    encode_status,
)

GOOD = encode_command(Command(0.25, -0.5, True, False, 123456789, 7))
commands = st.builds(
    Command,
    st.floats(-1, 1),
    st.floats(-1, 1),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**32 - 1),
) | st.builds(
    Command,
    st.floats(500, 2500),
    st.floats(500, 2500),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**32 - 1),
    st.just(Kind.PULSES),
)


@given(commands)
def test_commands_there_and_back(command: Command) -> None:
    assert decode_command(encode_command(command)) == command


@given(st.binary(max_size=80))
def test_garbage_is_refused(packet: bytes) -> None:
    with pytest.raises(BadMessage):
        decode_command(packet)
    with pytest.raises(BadMessage):
        decode_status(packet)


@given(st.binary(min_size=len(GOOD) - 4, max_size=len(GOOD) - 4))
def test_what_is_let_through_is_in_range(tail: bytes) -> None:
    try:
        command = decode_command(GOOD[:4] + tail)
    except BadMessage:
        return
    low, high = (-1, 1) if command.kind is Kind.DRIVE else (500, 2500)
    assert low <= command.steering <= high
    assert low <= command.throttle <= high


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        (4, "<B", 0),
        (4, "<B", 3),
        (4, "<B", Kind.PULSES),  # 0.25 us is no pulse
        (5, "<B", 2),
        (6, "<B", 255),
        (7, "<B", 1),
        (12, "<d", 1.0000001),
        (12, "<d", float("nan")),
        (20, "<d", 99.0),
        (20, "<d", float("-inf")),
        (28, "<q", -1),
    ],
)
def test_one_wrong_field_is_enough(at: int, form: str, value: float) -> None:
    packet = bytearray(GOOD)
    struct.pack_into(form, packet, at, value)
    with pytest.raises(BadMessage):
        decode_command(bytes(packet))
    assert decode_command(GOOD).steering == 0.25


def test_a_command_that_is_none_is_not_even_sent() -> None:
    for throttle in (float("nan"), 1.5):
        with pytest.raises(BadMessage):
            encode_command(Command(0.0, throttle, True, False, 0))


@given(
    st.builds(
        Status,
        st.sampled_from(State),
        st.text("abc déf:,", max_size=40),
        st.integers(0, 65535),
        st.integers(0, 65535),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**63 - 1),
        st.booleans(),
    )
)
def test_status_there_and_back(status: Status) -> None:
    assert decode_status(encode_status(status)) == status


def test_a_long_reason_is_cut() -> None:
    assert decode_status(encode_status(Status(State.SAFE, "é" * 200, 0, 0))).reason == "é" * 48
