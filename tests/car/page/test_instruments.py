"""What is read off the loop for those who watch."""

from types import SimpleNamespace

import numpy as np
import pytest

from car.governor import NOT_ARMED
from car.page.instruments import PERIOD_NS, Instruments
from car.page.last_stop import LastStop
from car.page.shared import MOST_MOMENTS, Shared, Shown
from car.page.status import figures, state, trace_after

OBSERVATION = np.arange(64 * 64 * 4, dtype=np.uint8).reshape(64, 64, 4)
ADVANTAGES = np.array([-0.5, 0.25, 0.25], np.float32)


class Loop:
    """The instruments' rounds, 50 ms apart."""

    def __init__(self, **more: object) -> None:
        self.shared, self.told = Shared(), 0
        server = SimpleNamespace(shared=self.shared, round_over=self.tell)
        self.instruments = Instruments(server, SimpleNamespace(overruns=3), **more)
        self.t_ns = 10**12

    def tell(self) -> None:
        self.told += 1

    def round(self, *, armed=True, stop=False, reason="", guardian="", guardian_reason="", throttle=0.2, seen=None):
        self.t_ns += 50_000_000
        named = (armed, stop, reason, guardian, guardian_reason, seen)
        self.instruments.run(self.t_ns, self.t_ns + 2_000_000, 0.5, throttle, *named, 0.4, 0.2, 1, ADVANTAGES, 1.25)


def test_what_is_measured_is_what_is_shown() -> None:
    loop = Loop(place=lambda: {"laps": 2})
    for _ in range(41):
        loop.round(guardian="armed")
    shown = state(loop.shared)
    assert (shown["overruns"], shown["guardian"], shown["action"], shown["inference_ms"]) == (3, "armed", 1, 1.25)
    assert (shown["pilot_steering"], shown["advantages"], shown["sim"]) == (0.4, [-0.5, 0.25, 0.25], {"laps": 2})
    assert figures(loop.shared) == {"frames": 41, "frame_rate_hz": 20.0, "latency_ms": {"p50": 2.0, "p99": 2.0}}


def test_before_the_first_round_there_is_something_to_say_too() -> None:
    assert figures(Shared()) == {"frames": 0, "frame_rate_hz": 0.0, "latency_ms": {"p50": 0.0, "p99": 0.0}}
    assert state(Shared())["last_stop"] is None
    assert trace_after(Shared(), 0) == (0, [])


def test_with_servos_the_latency_is_to_the_pulse() -> None:
    loop = Loop(pulse_ms=lambda: 7.5)
    loop.round()
    assert loop.shared.trace[-1].latency_ms == 7.5


def test_each_moment_is_told_once_and_only_so_many_are_kept() -> None:
    loop = Loop()
    for _ in range(3):
        loop.round()
    number, rows = trace_after(loop.shared, 0)
    assert (number, rows) == (3, [[0.0, 0.5, 0.2, 2.0], [0.05, 0.5, 0.2, 2.0], [0.1, 0.5, 0.2, 2.0]])
    assert trace_after(loop.shared, number) == (3, [])
    loop.round()
    assert trace_after(loop.shared, number)[0] == 4
    for _ in range(MOST_MOMENTS + 5):
        loop.round()
    assert len(loop.shared.trace) == MOST_MOMENTS


def test_what_the_policy_sees_is_shown_to_those_who_watch_it_alone() -> None:
    loop = Loop()
    loop.round(seen=OBSERVATION)
    assert loop.shared.policy.frame is None
    loop.shared.policy.watched = True
    loop.round(seen=None)  # not the policy's turn
    assert loop.shared.policy.frame is None
    loop.round(seen=OBSERVATION)
    assert (loop.shared.policy.frame[1] == OBSERVATION[..., 3]).all()  # the newest


def test_slow_things_are_read_now_and_then() -> None:
    reads = []
    loop = Loop(place=lambda: reads.append(1) or {})
    for _ in range(20):
        loop.round()
    assert len(reads) <= 20 * 50_000_000 / PERIOD_NS + 1


@pytest.mark.parametrize(
    ("round_", "note", "reason"),
    [
        ({"armed": False, "stop": True, "reason": "stopped: let go of STOP, then arm again"}, "", "STOP was pressed"),
        ({"armed": False, "reason": NOT_ARMED}, "", "disarmed"),
        ({"armed": False, "reason": NOT_ARMED}, "the page was closed", "the page was closed"),
        ({"armed": False, "guardian_reason": "the guardian was restarted"}, "", "the guardian was restarted"),
        ({"throttle": 0.0, "reason": "the frame is 300 ms old"}, "", "the frame is 300 ms old"),
        ({"throttle": 0.0, "reason": "the frame is 300 ms old"}, "a note", "the frame is 300 ms old"),
    ],
)
def test_the_last_stop_has_a_reason(round_: dict, note: str, reason: str) -> None:
    loop = Loop()
    loop.round()
    loop.shared.shown = Shown(note=note)
    loop.round(**round_)
    for _ in range(3):
        loop.round(**round_)
    told = state(loop.shared)["last_stop"]
    assert told["reason"] == reason
    assert 0.05 <= told["s_ago"] <= 0.2
    loop.shared.shown = Shown()
    loop.round()
    loop.round()
    assert state(loop.shared)["last_stop"]["reason"] == reason  # it drives again, and is remembered


def test_a_limit_is_no_stop() -> None:
    last = LastStop()
    loop = Loop()
    loop.round()
    loop.round(throttle=0.2, reason="throttle held to the cap of 0.2")
    loop.round()
    loop.round()
    assert state(loop.shared)["last_stop"] is None
    last.see(armed=False, stop=False, held="", note="", now_ns=1)
    assert last.reason_and_ns is None  # it never moved
