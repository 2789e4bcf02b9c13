import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.arming import Act, after

acts = st.lists(st.sampled_from(Act), max_size=12)


@given(acts, st.booleans())
def test_whatever_people_do_a_stopped_car_is_not_armed(history: list[Act], armed: bool) -> None:
    stop = False
    for act in history:
        before = stop
        armed, stop = after(act, armed, stop)
        assert not (armed and stop)
        if act is Act.STOP:
            assert (armed, stop) == (False, True)
        if before and not stop:
            assert act in (Act.RELEASE, Act.GO)
            assert not armed  # letting go of STOP is one act, arming another


@pytest.mark.parametrize(
    ("act", "before", "expected"),
    [
        (Act.ARM, (False, False), (True, False)),
        (Act.ARM, (False, True), (False, True)),
        (Act.DISARM, (True, False), (False, False)),
        (Act.DISARM, (False, True), (False, True)),
        (Act.RELEASE, (True, False), (True, False)),
        (Act.GO, (False, True), (False, False)),
        (Act.GO, (False, False), (True, False)),
        (Act.GO, (True, False), (False, False)),
    ],
)
def test_acts(act: Act, before: tuple[bool, bool], expected: tuple[bool, bool]) -> None:
    assert after(act, *before) == expected
