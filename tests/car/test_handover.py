"""Which model decides, counted decision by decision; no process, no disk."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from car.handover import MOST_SLOW, STANDING_S, TRIAL_S, Handover, TrialFailed
from car.policy import Policy
from car.preprocessing import Preprocessing
from car.wheel import PRETRAINED
from models.contract import ActionTable, Contract, ObservationSpec
from models.folder import Model, load_model
from models.observation import FrameStack, grey_view

SHIPPED = load_model(PRETRAINED)
PERIOD_S = SHIPPED.contract.observation.period_s
STANDING, TRIAL = round(STANDING_S / PERIOD_S), round(TRIAL_S / PERIOD_S)
VIEW = np.zeros(SHIPPED.contract.observation.shape, np.uint8)
FAST, SLOW = 1.0, 1000 * PERIOD_S


class Says:
    """A network that always prefers one action, and remembers what it saw."""

    def __init__(self, action: int, actions: int = 7) -> None:
        self.values = np.zeros(actions, np.float32)
        self.values[action] = 1
        self.seen: list[np.ndarray] = []

    def advantages(self, observation: np.ndarray) -> np.ndarray:
        self.seen.append(observation)
        return self.values


def model(action: int, contract: Contract | None = None) -> Model:
    contract = contract or Contract()
    manifest = SHIPPED.manifest.model_copy(update={"name": f"says {action}", "contract": contract})
    return replace(SHIPPED, manifest=manifest, policy=Says(action, len(contract.actions)))


OLD, NEW, NEWER = model(0), model(6), model(3)


def drive(handover: Handover, decisions: int, took_ms: float = FAST, throttle: float = 0.2) -> list[Model]:
    """So many decisions on the move; who took them."""
    deciders = []
    for _ in range(decisions):
        deciders.append(handover.next(throttle))
        handover.decided(took_ms, driving=throttle != 0)
    return deciders


def events(handover: Handover) -> list[tuple[str, str]]:
    found = []
    while not handover.events.empty():
        event = handover.events.get()
        found.append((event.kind, event.model.manifest.name))
    return found


def test_an_offered_model_takes_over_when_the_car_has_stood_and_not_before() -> None:
    handover = Handover(OLD)
    handover.offer(NEW)
    assert drive(handover, 1000) == [OLD] * 1000
    assert drive(handover, STANDING - 1, throttle=0.0) == [OLD] * (STANDING - 1)
    assert drive(handover, 1) == [OLD]  # it rolls again: the standing begins anew
    assert drive(handover, STANDING, throttle=0.0) == [OLD] * (STANDING - 1) + [NEW]
    assert events(handover) == [("taken", "says 6")]


def test_hot_it_takes_over_at_the_next_decision() -> None:
    handover = Handover(OLD, hot=True)
    assert drive(handover, 5) == [OLD] * 5
    handover.offer(NEW)
    assert drive(handover, 5) == [NEW] * 5


def test_of_two_that_were_offered_the_last_takes_over() -> None:
    handover = Handover(OLD, hot=True)
    handover.offer(NEW)
    handover.offer(NEWER)
    assert drive(handover, 2) == [NEWER] * 2
    assert events(handover) == [("taken", "says 3")]


def test_what_is_withdrawn_never_takes_over() -> None:
    handover = Handover(OLD, hot=True)
    handover.offer(NEW)
    handover.withdraw()
    assert drive(handover, 5) == [OLD] * 5


def test_a_trial_lasts_so_long_of_driving_and_standing_is_not_driving() -> None:
    handover = Handover(NEW, OLD)
    drive(handover, 5 * TRIAL, SLOW, throttle=0.0)
    drive(handover, TRIAL - 1)
    assert handover.before is OLD
    drive(handover, 1)
    assert handover.before is None
    assert events(handover) == [("passed", "says 6")]
    drive(handover, TRIAL, SLOW)
    handover.trips = lambda: 9
    assert drive(handover, TRIAL) == [NEW] * TRIAL  # what is good is not on trial any more


def test_too_many_slow_decisions_end_a_trial_a_few_do_not() -> None:
    allowed = round(MOST_SLOW * TRIAL)
    handover = Handover(NEW, OLD)
    drive(handover, allowed, SLOW)
    assert handover.next(0.2) is NEW
    drive(handover, 1, SLOW)
    assert handover.next(0.2) is OLD
    assert events(handover) == [("failed", "says 6")]


def test_a_trip_of_the_guardian_ends_a_trial_one_from_before_does_not() -> None:
    handover = Handover(OLD, hot=True)
    trips = [3]
    handover.trips = lambda: trips[0]
    handover.offer(NEW)
    assert drive(handover, 10) == [NEW] * 10
    trips[0] += 1
    assert drive(handover, 2) == [NEW, OLD]
    event = [handover.events.get() for _ in range(2)][1]
    assert (event.kind, event.why) == ("failed", "the guardian stopped the car")


def test_two_on_trial_one_after_the_other_and_the_way_back_is_the_good_one() -> None:
    handover = Handover(OLD, hot=True)
    handover.offer(NEW)
    drive(handover, TRIAL - 1)
    handover.offer(NEWER)
    assert drive(handover, TRIAL - 1) == [NEWER] * (TRIAL - 1)
    handover.give_back("no")
    assert drive(handover, 1) == [OLD]
    assert events(handover) == [("taken", "says 6"), ("taken", "says 3"), ("failed", "says 3")]


def test_what_sees_otherwise_is_not_offered_and_nothing_gives_way_to_it_while_driving() -> None:
    wide = model(2, Contract(observation=ObservationSpec(stack=2)))
    handover = Handover(OLD, hot=True)
    assert not handover.fits(wide)
    with pytest.raises(ValueError, match="sees otherwise"):
        handover.offer(wide)
    with pytest.raises(TrialFailed, match="was put back; start again"):
        Handover(wide, OLD).give_back("too slow")


def test_a_model_on_trial_whose_outputs_are_no_numbers_is_replaced_on_the_same_frame() -> None:
    handover = Handover(OLD, hot=True)
    part = Policy(handover)
    broken = model(6)
    handover.offer(broken)
    assert part.run(VIEW, 0.2, "local")[5] is broken
    broken.policy.values[:] = math.nan
    action, steering, *_, decider = part.run(VIEW, 0.2, "local")
    assert (action, steering, decider) == (0, -1.0, OLD)
    assert events(handover) == [("taken", "says 6"), ("failed", "says 6")]
    OLD.policy.values[1] = math.nan
    with pytest.raises(ValueError, match="not numbers"):
        part.run(VIEW, 0.2, "local")
    OLD.policy.values[1] = 0


def test_another_table_of_actions_comes_with_its_model() -> None:
    three = model(2, Contract(actions=ActionTable(steering=(-0.5, 0.0, 0.5))))
    handover = Handover(OLD, hot=True)
    part = Policy(handover)
    assert part.run(VIEW, 0.2, "local")[1] == -1.0
    handover.offer(three)
    action, steering, _, advantages, _, decider = part.run(VIEW, 0.2, "local")
    assert (action, steering, len(advantages), decider) == (2, 0.5, 3, three)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["frame", "stand", "offer", "slow", "trip", "nan"]), max_size=60), st.booleans())
def test_whatever_happens_each_due_frame_has_one_decision_on_the_frames_before_it(acts: list[str], hot: bool) -> None:
    """No frame is missed, none decided on twice, and what the decider saw are the last four, whoever saw them come."""
    spec = Contract().observation
    handover, preprocessing = Handover(model(0), hot=hot), Preprocessing(spec)
    trips = [0]
    handover.trips = lambda: trips[0]
    part, stack, rng = Policy(handover), FrameStack(spec), np.random.default_rng(0)
    offered: list[Model] = []
    for number, act in enumerate(acts):
        if act == "offer":
            offered.append(model(number % 7))
            handover.offer(offered[-1])
        if act == "trip":
            trips[0] += 1
        if act == "nan" and handover.before is not None:
            handover.model.policy.values[:] = math.nan
        frame = rng.integers(0, 256, (120, 160), dtype=np.uint8)
        observation, due = preprocessing.run(frame, round(number * 1e9 * spec.period_s))
        assert due
        action, *_, decider = part.run(observation, 0.0 if act == "stand" else 0.2, "local")
        expected = stack.push(grey_view(frame, spec))
        assert np.array_equal(decider.policy.seen[-1], expected)
        assert action == decider.policy.values.argmax()
