from hypothesis import given
from hypothesis import strategies as st

from car.page.budget import AT_ONCE, MOST_DROPPED, PER_SECOND, Budget
from car.page.seat import SILENT_NS, Seat
from tests.car.page.car import Clock


def test_one_drives_others_watch_until_it_leaves() -> None:
    seat = Seat(Clock())
    assert seat.command() is None
    assert seat.drive("a", 0.5, 0.1)
    assert not seat.drive("b", -1.0, 1.0)
    seat.leave("b")
    assert seat.command().who == "a"
    assert (seat.command().steering, seat.command().throttle) == (0.5, 0.1)
    seat.leave("a")
    assert seat.command() is None
    assert seat.drive("b", None, None)
    assert (seat.command().steering, seat.command().throttle) == (0.0, 0.0)


def test_a_silent_driver_has_no_command_and_no_seat() -> None:
    clock = Clock()
    seat = Seat(clock)
    seat.drive("a", 0.5, 0.1)
    clock.now_ns += SILENT_NS
    assert seat.command() is not None
    clock.now_ns += 1
    assert seat.command() is None
    assert seat.drive("b", 0.0, 0.0)
    assert not seat.drive("a", 0.5, 0.1)


def test_only_a_value_is_a_sign_of_life() -> None:
    clock = Clock()
    seat = Seat(clock)
    seat.drive("a", 0.5, 0.1)
    clock.now_ns += SILENT_NS
    assert seat.drive("a", None, None)
    clock.now_ns += 1
    assert seat.command() is None


def test_a_value_left_out_stays_but_not_from_before_the_silence() -> None:
    clock = Clock()
    seat = Seat(clock)
    seat.drive("a", 0.5, 0.1)
    seat.drive("a", -0.5, None)
    assert (seat.command().steering, seat.command().throttle) == (-0.5, 0.1)
    clock.now_ns += SILENT_NS + 1
    seat.drive("a", -0.5, None)
    assert seat.command().throttle == 0.0


def test_the_silence_leaves_time_for_the_rest_of_500_ms() -> None:
    assert SILENT_NS / 1e6 + 50 + 20 <= 500


@given(st.lists(st.integers(0, 10**9), max_size=300))
def test_no_more_messages_than_the_budget(pauses_ns: list[int]) -> None:
    clock = Clock()
    budget = Budget(clock)
    taken = 0
    for pause_ns in pauses_ns:
        clock.now_ns += pause_ns
        taken += budget.spend()
    assert taken <= AT_ONCE + PER_SECOND * sum(pauses_ns) / 1e9 + 1


def test_a_flood_is_known_though_some_of_it_is_within_the_budget() -> None:
    clock = Clock()
    budget, eager = Budget(clock), Budget(clock)
    for _ in range(1000):  # a second
        clock.now_ns += 10**6
        budget.spend()
    assert budget.flooded
    for _ in range(1000):  # 60 a second: a little too eager, for 17 s
        clock.now_ns += 10**9 // 60
        eager.spend()
    assert not eager.flooded


def test_a_flood_is_known_by_its_length() -> None:
    clock = Clock()
    budget = Budget(clock)
    for _ in range(AT_ONCE + MOST_DROPPED - 1):
        budget.spend()
    assert not budget.flooded
    budget.spend()
    assert budget.flooded
    clock.now_ns += 10**9
    assert budget.spend()
    assert not budget.flooded
