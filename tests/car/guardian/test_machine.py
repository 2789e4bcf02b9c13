"""The state machine, at its boundaries and under whatever hypothesis thinks of."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from car.guardian.machine import BURST_NS, DEADMAN_NS, DISARM_NS, RAMP_NS, Machine
from car.guardian.messages import Command, Kind, State
from car.guardian.pulses import LEAST_THROTTLE, Servos

SERVOS = Servos(left_us=1900, centre_us=1480, right_us=1100, reverse_us=1100, neutral_us=1510, forward_us=1950)
QUICK = dataclasses.replace(SERVOS, steering_slew_per_s=1000, throttle_slew_per_s=1000)
MS = 1_000_000
NEUTRAL = 1510


def command(now_ns: int, throttle: float = 0.5, steering: float = 0.0, **other: object) -> Command:
    return Command(steering, throttle, **({"armed": True, "stop": False, "t_frame_ns": now_ns} | other))


def live(machine: Machine, now_ns: int = 10**12) -> int:
    """Armed, and the throttle given; returns the time."""
    for _ in range(3):
        now_ns += 50 * MS
        machine.take(command(now_ns), now_ns)
        output = machine.step(now_ns)
    assert (output.state, output.reason) == (State.ARMED, "")
    assert output.pulses.throttle_us == 1510 + 0.5 * 440
    return now_ns


def test_nothing_moves_before_it_is_armed() -> None:
    machine = Machine(QUICK)
    output = machine.step(0)
    assert (output.pulses.steering_us, output.pulses.throttle_us) == (1480, NEUTRAL)
    machine.take(command(10**9, steering=1.0, armed=False), 10**9)
    output = machine.step(10**9)
    assert (output.pulses.steering_us, output.pulses.throttle_us) == (1480, NEUTRAL)
    assert (output.state, output.reason) == (State.SAFE, "not armed")


@pytest.mark.parametrize(
    ("age_ns", "moves"),
    [(0, True), (DEADMAN_NS - 1, True), (DEADMAN_NS, True), (DEADMAN_NS + 1, False), (-1, False), (DISARM_NS, False)],
)
def test_the_deadman_to_the_nanosecond(age_ns: int, moves: bool) -> None:
    machine = Machine(QUICK)
    now_ns = live(machine)
    output = machine.step(now_ns + age_ns)
    assert (output.pulses.throttle_us != NEUTRAL) is moves
    assert (output.reason == "") is moves
    assert output.state is State.ARMED


def test_the_machine_asks_to_be_stepped_when_the_deadman_is_due() -> None:
    machine = Machine(QUICK)
    now_ns = live(machine)
    output = machine.step(now_ns)
    assert output.next_ns == now_ns + DEADMAN_NS + 1
    output = machine.step(output.next_ns)
    assert output.pulses.throttle_us == NEUTRAL
    assert output.next_ns == now_ns + DISARM_NS + 1


def test_a_ramp_and_a_shift_into_reverse_are_carried_on_between_commands() -> None:
    machine, now_ns = Machine(SERVOS), 10**12
    machine.step(now_ns)
    for wanted, settled in [(0.5, 1510 + 0.5 * 440), (-0.5, 1510 - 0.5 * 410)]:
        machine.take(command(now_ns, wanted), now_ns)
        seen = []
        for _ in range(60):
            output = machine.step(now_ns)
            seen.append(output.pulses.throttle_us)
            if output.next_ns > now_ns + RAMP_NS:
                break
            assert output.next_ns == now_ns + RAMP_NS
            now_ns = output.next_ns
            machine.take(command(now_ns, wanted), now_ns)
        assert seen[-1] == pytest.approx(settled)
        assert len(seen) > 5
        directions = [round(pulse - NEUTRAL) for pulse in seen if pulse != NEUTRAL]
        assert all(direction * wanted > 0 for direction in directions)
    backward = [pulse < NEUTRAL for pulse in seen]
    assert backward.index(False, 3) < len(backward) - 1  # a brake, neutral, then reverse


def test_a_short_silence_is_forgiven_and_a_long_one_disarms() -> None:
    machine = Machine(QUICK)
    now_ns = live(machine)
    assert machine.step(now_ns + DISARM_NS).state is State.ARMED
    now_ns += DISARM_NS
    machine.take(command(now_ns), now_ns)
    assert machine.step(now_ns + MS).pulses.throttle_us != NEUTRAL
    assert machine.step(now_ns + DISARM_NS + 1).state is State.SAFE
    now_ns += DISARM_NS + 1
    for armed, state in [(True, State.SAFE), (False, State.SAFE), (True, State.ARMED)]:
        now_ns += MS
        machine.take(command(now_ns, armed=armed), now_ns)
        assert machine.step(now_ns).state is state


def test_stale_frames_do_not_arm() -> None:
    machine = Machine(QUICK)
    machine.take(command(10**9), 10**9 + DEADMAN_NS + 1)
    assert machine.step(10**9 + DEADMAN_NS + 1).state is State.SAFE
    machine.take(command(2 * 10**9), 2 * 10**9)
    assert machine.step(2 * 10**9).state is State.ARMED


def test_the_e_stop_is_latched_until_it_and_armed_are_let_go() -> None:
    machine = Machine(QUICK)
    now_ns = live(machine)
    for armed, stop, state in [
        (True, True, State.STOPPED),
        (True, False, State.STOPPED),
        (False, True, State.STOPPED),
        (True, False, State.STOPPED),
        (False, False, State.SAFE),
        (True, False, State.ARMED),
    ]:
        now_ns += MS
        machine.take(command(now_ns, armed=armed, stop=stop), now_ns)
        output = machine.step(now_ns)
        assert output.state is state
        assert (output.pulses.throttle_us == NEUTRAL) is (state is not State.ARMED)


def test_a_latch_outlives_its_driver_and_a_signal_latches_too() -> None:
    machine = Machine(QUICK)
    now_ns = live(machine)
    machine.stop()
    machine.driver_gone()
    machine.take(command(now_ns), now_ns)
    assert machine.step(now_ns).state is State.STOPPED


def test_a_driver_that_is_gone_takes_the_throttle_along_and_the_wheels_stay() -> None:
    machine = Machine(QUICK)
    now_ns = live(machine)
    machine.take(command(now_ns, steering=0.5), now_ns)
    steering_us = machine.step(now_ns + 50 * MS).pulses.steering_us
    machine.driver_gone()
    output = machine.step(now_ns + 51 * MS)
    assert (output.pulses.steering_us, output.pulses.throttle_us) == (steering_us, NEUTRAL)
    assert (output.state, output.reason) == (State.SAFE, "the driving program is gone")


def test_a_bus_that_failed_is_for_good() -> None:
    machine = Machine(QUICK)
    now_ns = live(machine)
    machine.fail("the bus")
    machine.stop()
    machine.driver_gone()
    for armed in (False, True):
        machine.take(command(now_ns, armed=armed), now_ns)
    output = machine.step(now_ns)
    assert (output.state, output.reason, output.pulses.throttle_us) == (State.FAILED, "the bus", NEUTRAL)


def test_a_command_of_the_other_kind_moves_nothing() -> None:
    machine = Machine(QUICK)
    now_ns = live(machine)
    machine.take(command(now_ns, 1700, 1500, kind=Kind.PULSES), now_ns)
    output = machine.step(now_ns)
    assert (output.pulses.throttle_us, output.reason) == (NEUTRAL, "not calibrating")


def test_a_burst_ends_by_itself_and_neutral_must_come_before_the_next() -> None:
    machine, now_ns = Machine(QUICK, calibrating=True), 10**12
    seen = []
    for wanted in [1600] * 30 + [NEUTRAL] + [1600] * 3:
        machine.take(command(now_ns, wanted, 1500, kind=Kind.PULSES), now_ns)
        seen.append(machine.step(now_ns).pulses.throttle_us)
        now_ns += 50 * MS
    turned = BURST_NS // (50 * MS)
    assert seen == [1600] * turned + [NEUTRAL] * (31 - turned) + [1600] * 3


def test_a_burst_ends_even_if_its_driver_goes_on_listening() -> None:
    machine, now_ns = Machine(QUICK, calibrating=True, deadman_ns=DEADMAN_NS), 10**12
    machine.take(command(now_ns, 2500, 1500, kind=Kind.PULSES), now_ns)
    output = machine.step(now_ns)
    assert output.pulses.throttle_us == NEUTRAL + 500  # no more than that
    assert output.next_ns == now_ns + DEADMAN_NS + 1


commands = st.builds(
    Command,
    steering=st.floats(-1, 1),
    throttle=st.floats(-1, 1) | st.sampled_from([0.0, LEAST_THROTTLE, -LEAST_THROTTLE, 1.0, -1.0]),
    armed=st.booleans() | st.just(True),
    stop=st.sampled_from([False] * 9 + [True]),
    t_frame_ns=st.sampled_from([-1, 0, 1, 100 * MS, DEADMAN_NS, DEADMAN_NS + 1, DISARM_NS, 10 * DISARM_NS]),
)
events = st.one_of(
    commands, commands, commands, st.sampled_from(["gone", "stop", "fail", "nothing", "nothing", "nothing"])
)
waits = st.sampled_from([0, 1, MS, 50 * MS, DEADMAN_NS, DEADMAN_NS + 1, DISARM_NS, DISARM_NS + 1])


@given(st.lists(st.tuples(events, waits), max_size=40), st.sampled_from(["brake-first", "direct", "never"]))
@settings(max_examples=400, deadline=None)
def test_whatever_comes_in_the_throttle_is_neutral_unless_armed_and_fresh(
    history: list[tuple[Command | str, int]], reverse: str
) -> None:
    """Beside the machine, the rule itself in its shortest form: what was said last, and how old it is."""
    servos = dataclasses.replace(SERVOS, reverse=reverse)
    machine, now_ns = Machine(servos), 10**13
    last: Command | None = None
    failed = False
    for event, wait_ns in history:
        if isinstance(event, Command):
            aged = dataclasses.replace(event, t_frame_ns=now_ns - event.t_frame_ns)
            machine.take(aged, now_ns)
            last = aged
        elif event == "gone":
            machine.driver_gone()
            last = None
        elif event == "stop":
            machine.stop()
            last = None if last is None else dataclasses.replace(last, stop=True)
        elif event == "fail":
            machine.fail("bus")
            failed = True
        now_ns += wait_ns
        output = machine.step(now_ns)
        allowed = (
            last is not None
            and not failed
            and last.armed
            and not last.stop
            and 0 <= now_ns - last.t_frame_ns <= DEADMAN_NS
            and abs(last.throttle) >= LEAST_THROTTLE
        )
        if not allowed or output.state is not State.ARMED:
            assert output.pulses.throttle_us == NEUTRAL
        if output.pulses.throttle_us != NEUTRAL:
            assert last is not None
            assert (output.pulses.throttle_us - NEUTRAL) * last.throttle > 0
            assert output.reason == ""
            assert output.next_ns is not None
            assert output.next_ns <= last.t_frame_ns + DEADMAN_NS + 1
        assert 1100 <= output.pulses.throttle_us <= 1950
        assert 1100 <= output.pulses.steering_us <= 1900
