import contextlib
import gc
import os
import signal
import sys

import pytest

from car.vehicle import PartFailed, Row, Vehicle, parts_table


class Counter:
    """Writes 1, 2, 3, ... and stops the vehicle after so many."""

    def __init__(self, most: int) -> None:
        self.most, self.count, self.ended = most, 0, False
        self.vehicle: Vehicle | None = None

    def run(self) -> int:
        self.count += 1
        if self.count >= self.most:
            self.vehicle.on = False
        return self.count

    def shutdown(self) -> None:
        self.ended = True


class Breaks:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def run(self, count: int) -> None:
        if count == 3:
            raise self.error


class Note:
    def __init__(self) -> None:
        self.seen: list[tuple] = []

    def run(self, *values: object) -> None:
        self.seen.append(values)


def vehicle(counter: Counter, *rows: Row, **memory: object) -> Vehicle:
    counter.vehicle = Vehicle([Row(counter, (), ("count",)), *rows], memory)
    return counter.vehicle


def test_parts_run_in_order_and_read_what_was_written() -> None:
    note = Note()
    vehicle(Counter(3), Row(note, ("count", "given", "nobody wrote"))).drive()
    assert note.seen == [(1, None, None), (2, None, None), (3, None, None)]


def test_neither_another_thread_nor_the_garbage_of_starting_holds_the_loop_up_for_long() -> None:
    class Watch:
        def run(self, _count: int) -> None:
            self.standing = sys.getswitchinterval(), gc.get_freeze_count()

    watch = Watch()
    vehicle(Counter(1), Row(watch, ("count",))).drive()
    switch_s, frozen = watch.standing
    assert switch_s < 0.001
    assert frozen > len(gc.get_objects())


def test_the_memory_can_be_given_and_conditions_hold_outputs() -> None:
    class Once:
        def run(self, count: int) -> int:
            return 10 * count

    class Due:
        def run(self, count: int) -> bool:
            return count == 1

    note = Note()
    rows = Row(Due(), ("count",), ("due",)), Row(Once(), ("count",), ("held",), when="due"), Row(note, ("held", "mode"))
    vehicle(Counter(3), *rows, mode="local").drive()
    assert note.seen == [(10, "local")] * 3


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ValueError("no such thing"), "ValueError: no such thing"), (AssertionError(), "AssertionError")],
)
def test_a_part_that_raises_ends_the_drive_with_its_name_and_all_parts_shut_down(error: Exception, reason: str) -> None:
    counter = Counter(100)
    with pytest.raises(PartFailed) as raised:
        vehicle(counter, Row(Breaks(error), ("count",))).drive()
    assert str(raised.value) == f"Breaks failed while driving: {reason}"
    assert raised.value.__cause__ is error
    assert counter.count == 3
    assert counter.ended


def test_ctrl_c_is_no_failure() -> None:
    counter = Counter(100)
    vehicle(counter, Row(Breaks(KeyboardInterrupt()), ("count",))).drive()
    assert counter.count == 3
    assert counter.ended


def test_nothing_is_read_before_it_is_written_but_what_a_person_says_and_what_the_page_shows() -> None:
    parts = dict.fromkeys(("camera", "preprocessing", "policy", "driver_mode", "governor", "drivetrain", "display"))
    written = {"user/mode", "recording", "user/armed", "user/stop"}  # as the drive begins
    written |= {"tub/num_records", "steering", "throttle", "governor/reason", "guardian/reason", "recorder/note"}
    for row in parts_table(**parts):
        assert written.issuperset(row.reads), row
        assert row.when is None or row.when in written
        written.update(row.writes)


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_whoever_holds_the_wires_lets_go_before_anybody_takes_the_time_to_end(error: BaseException) -> None:
    happened: list[str] = []

    class Wires:
        def run(self) -> None:
            pass

        def neutral(self) -> None:
            happened.append("neutral")

        def shutdown(self) -> None:
            happened.append("wires end")

    class Slow(Counter):
        def shutdown(self) -> None:
            happened.append("slow part ends")

    table = vehicle(Slow(100), Row(Breaks(error), ("count",)), Row(Wires()))
    with contextlib.suppress(PartFailed):
        table.drive()
    assert happened[0] == "neutral"
    assert set(happened[1:]) == {"slow part ends", "wires end"}


def test_signals_end_the_drive_and_what_was_there_before_is_there_again() -> None:
    class Ends:
        def run(self, count: int) -> None:
            if count == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    counter, before = Counter(100), signal.getsignal(signal.SIGTERM)
    vehicle(counter, Row(Ends(), ("count",))).drive()
    assert counter.count == 3
    assert counter.ended
    assert signal.getsignal(signal.SIGTERM) is before
