import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from car.driver_mode import DriverMode
from car.governor import LONGEST_STEP_S, Governor, Limits, govern
from car.handover import Handover
from car.policy import Policy
from car.preprocessing import Preprocessing
from car.wheel import PRETRAINED
from models.arc import same_arc
from models.contract import Contract
from models.folder import Model, load_model
from tests.calibration.measured_car import measured_car

CONTRACT = Contract()
LIMITS = Limits(throttle_cap=0.2, oldest_frame_s=0.2, throttle_slew_per_s=4.0)
odd = [math.nan, math.inf, -math.inf, -1.0, -0.2, 0.0, 0.2, 0.2000001, 1.0, 99.0]
number = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from(odd)


@settings(max_examples=500, deadline=None)
@given(
    number,
    number,
    st.floats(-1, 1) | st.sampled_from([0.0, 0.2, 0.2000001, -1e-9]),
    st.floats(-1, 1),
    st.tuples(st.floats(-1, 1), st.floats(-0.2, 0.2)),
)
def test_whatever_is_asked_the_governor_gives_a_command_within_limits(
    steering: float, throttle: float, age_s: float, since_s: float, last: tuple[float, float]
) -> None:
    out_steering, out_throttle, reason = govern(steering, throttle, age_s, since_s, last, LIMITS)
    assert -1 <= out_steering <= 1
    assert -LIMITS.throttle_cap <= out_throttle <= LIMITS.throttle_cap
    good = math.isfinite(steering) and math.isfinite(throttle) and 0 <= age_s <= LIMITS.oldest_frame_s
    if not good:
        assert (out_steering, out_throttle) == (last[0], 0.0)
        assert reason
        return
    assert abs(out_throttle) <= abs(throttle)
    assert out_throttle * throttle >= 0
    started = abs(last[1]) if last[1] * throttle > 0 else 0.0
    assert abs(out_throttle) <= started + LIMITS.throttle_slew_per_s * min(max(since_s, 0), LONGEST_STEP_S) + 1e-9
    if reason == "":
        assert out_throttle == throttle


def test_a_frame_grows_stale_by_the_monotonic_clock() -> None:
    now_ns = 10**12
    governor = Governor(LIMITS, clock_ns=lambda: now_ns)
    now_ns += 50_000_000
    assert governor.run(0.5, 0.1, now_ns - 200_000_000, True, False) == (0.5, 0.1, "")
    steering, throttle, reason = governor.run(-0.5, 0.1, now_ns - 201_000_000, True, False)
    assert (steering, throttle) == (0.5, 0.0)
    assert reason == "the frame is 201 ms old"
    assert governor.run(0.0, 0.1, now_ns + 1, True, False)[1] == 0  # a frame from the future is no frame


def test_the_throttle_grows_no_faster_than_its_slew_and_falls_at_once() -> None:
    now_ns = 0
    slow = Limits(throttle_cap=1.0, oldest_frame_s=0.2, throttle_slew_per_s=1.0)
    governor = Governor(slow, clock_ns=lambda: now_ns)
    given_ = []
    for wanted in [1.0, 1.0, 1.0, 0.0, -1.0, 0.01]:
        now_ns += 50_000_000
        given_.append(governor.run(0.0, wanted, now_ns, True, False)[1])
    assert given_ == pytest.approx([0.05, 0.10, 0.15, 0.0, -0.05, 0.01])
    now_ns += 10**12  # after a long pause: a step of 0.1 s, no more
    assert governor.run(0.0, 1.0, now_ns, True, False)[1] == pytest.approx(0.01 + LONGEST_STEP_S)


def test_the_e_stop_holds_until_it_and_armed_are_let_go() -> None:
    now_ns = 0
    governor = Governor(LIMITS, clock_ns=lambda: now_ns)
    throttles = []
    for armed, stop in [(True, False), (True, True), (True, False), (False, False), (True, False), (None, None)]:
        now_ns += 50_000_000
        throttles.append(governor.run(0.0, 0.1, now_ns, armed, stop)[1:])
    stopped = (0.0, "stopped: let go of STOP, then arm again")
    assert throttles == [(0.1, ""), stopped, stopped, (0.0, "not armed"), (0.1, ""), (0.0, "not armed")]


def test_modes_are_donkeycars() -> None:
    mode = DriverMode(throttle_multiplier=0.5)
    assert mode.run("user", 0.1, 0.2, 0.3, 0.4) == (0.1, 0.2)
    assert mode.run("local_angle", 0.1, 0.2, 0.3, 0.4) == (0.3, 0.2)
    assert mode.run("local", 0.1, 0.2, 0.3, 0.4) == (0.3, 0.2)
    for name in ("user", "local_angle", "local"):
        assert mode.run(name, None, None, None, None) == (0, 0)
    with pytest.raises(ValueError, match="no drive mode 'pilot'"):
        mode.run("pilot", 0, 0, 0, 0)


@pytest.mark.parametrize(("camera_hz", "expected"), [(20, 20), (60, 20), (30, 15), (10, 10), (120, 20)])
def test_the_policy_is_due_once_a_period_whatever_the_cameras_rate(camera_hz: int, expected: int) -> None:
    """At 30 Hz a period is one frame too little and two are too much: 15 decisions a second, evenly."""
    part = Preprocessing(CONTRACT.observation)
    frame = np.zeros((120, 160), np.uint8)
    jitter_ns = np.random.default_rng(0).integers(-900_000, 900_000, 5 * camera_hz)
    due = [part.run(frame, int(1e9 * k / camera_hz + jitter_ns[k]))[1] for k in range(5 * camera_hz)]
    assert sum(due) == pytest.approx(5 * expected, abs=1)


def test_preprocessing_gives_the_contracts_observation() -> None:
    part = Preprocessing(CONTRACT.observation)
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    observation, due = part.run(frame, 0)
    assert due
    assert observation.shape == CONTRACT.observation.shape
    assert part.run(frame, 1000) == (None, False)


class FixedPolicy:
    def __init__(self, advantages: list[float]) -> None:
        self.values = np.array(advantages, np.float32)

    def advantages(self, _: np.ndarray) -> np.ndarray:
        return self.values


def fixed(advantages: list[float]) -> Model:
    """The shipped model's promises around a policy that always says the same."""
    return replace(load_model(PRETRAINED), policy=FixedPolicy(advantages))


def decisions(*rows: list[float]) -> list[int]:
    model = fixed([0] * 7)
    part = Policy(Handover(model))
    actions = []
    for row in rows:
        model.policy.values = np.array(row, np.float32)
        actions.append(part.run(np.zeros(CONTRACT.observation.shape, np.uint8))[0])
    return actions


def test_the_best_action_is_taken_and_a_tie_goes_to_the_nearest_steering() -> None:
    assert decisions([0, 1, 2, 3, 4, 9, 5]) == [5]
    assert decisions([0] * 7) == [3]  # straight ahead, where the wheels are
    assert decisions([0, 0, 0, 0, 0, 0, 9], [5, 0, 0, 0, 5, 0, 0]) == [6, 4]
    assert decisions([9, 0, 0, 0, 0, 0, 0], [5, 0, 0, 0, 5, 0, 0]) == [0, 0]


def test_a_constant_throttle_outranks_the_policys() -> None:
    observation = np.zeros(CONTRACT.observation.shape, np.uint8)
    for constant, expected in ((None, CONTRACT.actions.throttle[0]), (0.12, 0.12), (0.0, 0.0)):
        part = Policy(Handover(fixed([0, 0, 0, 0, 0, 0, 9])), constant)
        action, steering, throttle, *_ = part.run(observation)
        assert (action, steering, throttle) == (6, 1.0, expected)


def test_a_car_that_was_measured_goes_the_arc_that_the_policy_means() -> None:
    observation, vehicle = np.zeros(CONTRACT.observation.shape, np.uint8), measured_car().vehicle
    model = fixed([0, 9, 0, 0, 0, 0, 0])  # -0.6
    means = CONTRACT.model_copy(update={"actions": CONTRACT.actions.model_copy(update={"turns_rad_per_m": 2.0})})
    meaning = replace(model, manifest=model.manifest.model_copy(update={"contract": means}))
    for one, measured, expected in (
        (model, vehicle, -0.6),
        (meaning, None, -0.6),
        (meaning, vehicle, same_arc(-0.6, 2.0, 0.17, *np.radians([24.0, 26.0]))),
    ):
        part = Policy(Handover(one), vehicle=measured)
        assert part.run(observation)[:2] == (1, pytest.approx(expected))
    assert -0.5 < expected < -0.42  # 24 degrees at -1, and the policy means 19


def test_a_policy_that_gives_no_numbers_raises() -> None:
    with pytest.raises(ValueError, match="not numbers"):
        decisions([math.nan] * 7)
