"""What travels: any bytes at all are read without harm."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_bridge.launcher.messages import (
    LONGEST,
    MOST_SIMULATORS,
    BadMessage,
    Hello,
    Kill,
    Ping,
    Report,
    Slot,
    read_answer,
    read_greeting,
    read_reply,
    read_request,
)
from sim_bridge.launcher.session import Session, new_nonce
from sim_bridge.launcher.strikes import Recent, Strikes

KEY = bytes(32)


def both(key: bytes = KEY) -> tuple[Session, Session]:
    nonces = new_nonce(), new_nonce()
    return Session("server", KEY, *nonces), Session("client", key, *nonces)


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_a_message_or_none(data: bytes) -> None:
    for read in (read_request, read_reply, read_greeting, read_answer):
        with contextlib.suppress(BadMessage):
            read(data)


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_no_bytes_pass_for_a_signed_line(data: bytes) -> None:
    server, _ = both()
    with pytest.raises(BadMessage):
        server.check(data)


@settings(deadline=None)
@given(st.data())
def test_a_signed_line_with_one_byte_changed_is_refused(data: st.DataObject) -> None:
    server, client = both()
    line = bytearray(client.sign(Kill(port=9093))[:-1])
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadMessage):
        server.check(bytes(line))


def test_lines_are_checked_in_their_turn() -> None:
    server, client = both()
    first, second = client.sign(Hello())[:-1], client.sign(Ping())[:-1]
    with pytest.raises(BadMessage):
        server.check(second)  # one was left out
    assert read_request(server.check(first)) == Hello()
    with pytest.raises(BadMessage):
        server.check(first)  # repeated
    assert read_request(server.check(second)) == Ping()
    with pytest.raises(BadMessage):
        client.check(second)  # its own, sent back
    with pytest.raises(BadMessage):
        both()[0].check(first)  # of another conversation
    with pytest.raises(BadMessage):
        both(b"1" * 32)[1].check(both()[0].sign(Hello())[:-1])


def test_the_longest_report_fits_into_a_line() -> None:
    slot = Slot(port=65535, state="starting", client="x" * 64, age_s=12345678.123456789, silent_s=12345678.123456789)
    report = Report(most=MOST_SIMULATORS, started=2**31, refused=2**31, slots=(slot,) * MOST_SIMULATORS)
    assert len(both()[0].sign(report)) < LONGEST


def test_recent_forgets() -> None:
    now = [0.0]
    recent = Recent(3, 10.0, lambda: now[0])
    for _ in range(3):
        assert not recent.full
        recent.add()
    assert recent.full
    now[0] = 10.0
    assert not recent.full


def test_strikes_are_counted_for_each_address_and_forgotten() -> None:
    now = [0.0]
    strikes = Strikes(lambda: now[0])
    for _ in range(Strikes.MOST):
        assert not strikes.out("a")
        strikes.add("a")
    assert strikes.out("a")
    assert not strikes.out("b")
    now[0] = Strikes.WINDOW_S
    assert not strikes.out("a")


def test_strikes_of_many_addresses_do_not_grow_for_ever() -> None:
    strikes = Strikes(lambda: 0.0)
    for address in range(3 * Strikes.MOST_ADDRESSES):
        strikes.add(str(address))
    assert len(strikes._recent) == Strikes.MOST_ADDRESSES
