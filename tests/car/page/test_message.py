import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.page.message import LONGEST_ANSWER, MOST_BYTES, Answer, Message, Refused, parse

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from([*Message.model_fields]) | st.text(max_size=10)


def assert_harmless(message: Message) -> None:
    for value in (message.angle, message.throttle):
        assert value is None or (isinstance(value, float) and math.isfinite(value) and -1 <= value <= 1)
    assert message.drive_mode in (None, "user", "local_angle", "local")
    for flag in (message.recording, message.stop, message.arm, message.leave):
        assert flag is None or isinstance(flag, bool)


@given(st.binary(max_size=200) | st.text(max_size=200) | st.dictionaries(keys, json_values, max_size=5).map(json.dumps))
def test_whatever_comes_is_a_harmless_message_or_refused(raw: bytes | str) -> None:
    try:
        message = parse(raw, Message)
    except Refused:
        return
    assert_harmless(message)


@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from([*Answer.model_fields, "throttle"]), json_values, max_size=4).map(json.dumps)
)
def test_whatever_comes_is_a_short_answer_or_refused(raw: bytes | str) -> None:
    try:
        said = parse(raw, Answer)
    except Refused:
        return
    assert said.to is None or type(said.to) is int
    assert said.answer is None or (isinstance(said.answer, str) and len(said.answer) <= LONGEST_ANSWER)
    assert said.stop in (None, False, True)
    assert "throttle" not in json.loads(raw)


@given(st.fixed_dictionaries({}, optional={"angle": st.floats(-1, 1), "throttle": st.floats(-1, 1)}))
def test_what_is_right_is_taken_as_it_is(said: dict[str, float]) -> None:
    message = parse(json.dumps(said), Message)
    assert message.model_dump(exclude_none=True) == said


@pytest.mark.parametrize(
    "raw",
    [
        '{"angle": 99}',
        '{"angle": -1.0000001}',
        '{"throttle": NaN}',
        '{"throttle": Infinity}',
        '{"throttle": 1e400}',
        '{"angle": "0.5"}',
        '{"angle": true}',
        '{"throttle": [0.1]}',
        '{"drive_mode": "pilot"}',
        '{"drive_mode": "USER"}',
        '{"recording": 1}',
        '{"stop": "true"}',
        '{"arm": 1}',
        '{"speed": 0.1}',
        '{"angle": 0.1',
        "[]",
        "3",
        "null",
        "",
        b"\xff\xfe",
        "[" * 1000,
        '{"angle": 0.1, "buttons": {"w1": "' + "x" * MOST_BYTES + '"}}',
    ],
)
def test_what_is_wrong_is_refused(raw: str | bytes) -> None:
    with pytest.raises(Refused):
        parse(raw, Message)


def test_what_donkeycars_own_page_sends_is_understood() -> None:
    said = {"angle": 0, "throttle": 0.25, "drive_mode": "user", "recording": True, "buttons": {"w1": False, "w2": True}}
    message = parse(json.dumps(said), Message)
    assert (message.angle, message.throttle, message.drive_mode, message.recording) == (0, 0.25, "user", True)


@pytest.mark.parametrize("raw", ["{}", '{"stop": true}', '{"leave": true}', '{"buttons": {}}'])
def test_what_a_watcher_may_say(raw: str) -> None:
    assert not parse(raw, Message).wants_the_wheel


@pytest.mark.parametrize("raw", ['{"stop": false}', '{"arm": false}', '{"recording": false}', '{"throttle": 0}'])
def test_what_only_the_driver_may_say(raw: str) -> None:
    assert parse(raw, Message).wants_the_wheel
