import importlib.util
import math
import statistics
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.score import (
    Score,
    ScoreError,
    cut,
    flips_per_second,
    mirror_consistency,
    score_steering,
    sign_agreement_in_bends,
)
from settings import PROJECT
from storage.tub import Tub, find_tubs

FOOTAGE = PROJECT.parent / "shared" / "footage"  # real clips; beside the project, never part of it


def one_session(records: int) -> list[str]:
    return ["a"] * records


# The definition once more, slowly and in plain Python.


def slow_pieces(times_ms: list[float], sessions: list[str]) -> tuple[list[range], float]:
    steps = [after - before for before, after in pairwise(times_ms) if after > before]
    period = statistics.median(steps) / 1000 if steps else 0.05
    pieces, start = [], 0
    for i in range(1, len(times_ms) + 1):
        if i < len(times_ms):
            step = times_ms[i] - times_ms[i - 1]
            if 0 <= step <= 1000 * max(0.5, 3 * period) and sessions[i] == sessions[i - 1]:
                continue
        if (i - start) * period >= 1:
            pieces.append(range(start, i))
        start = i
    return pieces, period


def slow_smooth(values: list[float], piece: range, period: float) -> list[float]:
    frames = max(3, round(0.25 / period))
    reach = frames // 2
    clamped = [[values[min(max(i + k, piece[0]), piece[-1])] for k in range(-reach, reach + 1)] for i in piece]
    return [math.fsum(window) / len(window) for window in clamped]


def slow_pass(human: list[float], policy: list[float], pieces: list[range], period: float) -> dict[int, float]:
    """Correlation by lag, where there is one."""
    most = max(1, round(0.3 / period))
    found = {}
    for lag in range(-most, most + 1):
        pairs = []
        for piece in pieces:
            theirs, ours = slow_smooth(human, piece, period), slow_smooth(policy, piece, period)
            pairs += [(theirs[i], ours[i + lag]) for i in range(most, len(piece) - most)]
        if pairs and all(statistics.pstdev(side) > 1e-9 for side in zip(*pairs, strict=True)):
            found[lag] = statistics.correlation(*zip(*pairs, strict=True))
    return found


@st.composite
def recordings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[float], list[str]]:
    """Human, steering, mirrored, time stamps with gaps and steps back, and sessions."""
    records = draw(st.integers(25, 110))
    period_ms = draw(st.sampled_from([31, 50, 63, 110, 400]))
    odd = st.sampled_from([0, 1, 90, 499, 501, 1300, -40])
    steps = draw(st.lists(st.one_of(*[st.just(period_ms)] * 12, odd), min_size=records, max_size=records))
    numbers = st.lists(st.integers(-20, 20), min_size=records, max_size=records)
    human, steering, mirrored = (np.array(draw(numbers)) / 20 for _ in range(3))
    change = draw(st.integers(1, 2 * records))  # beyond the last record: one session
    sessions = ["a" if i < change else "b" for i in range(records)]
    return human, steering, mirrored, (1e12 + np.cumsum(steps)).tolist(), sessions


@given(recordings())
@settings(max_examples=40, deadline=None)
def test_the_score_is_what_the_definition_says(recording) -> None:
    human, steering, mirrored, times_ms, sessions = recording
    pieces, period = slow_pieces(times_ms, sessions)
    if not pieces:
        with pytest.raises(ScoreError, match="1 s without a gap; record a longer drive"):
            cut(times_ms, sessions)
        return
    ours, our_period = cut(times_ms, sessions)
    assert [(one.start, one.stop) for one in ours] == [(one.start, one.stop) for one in pieces]
    assert our_period == pytest.approx(period)
    score = score_steering(human, steering, mirrored, times_ms, sessions)
    clip = slow_pass(human.tolist(), steering.tolist(), pieces, period)
    mirror = slow_pass((-human).tolist(), mirrored.tolist(), pieces, period)
    for value, lag, by_lag in zip((score.clip, score.mirror), score.lag_frames, (clip, mirror), strict=True):
        assert value == pytest.approx(max(by_lag.values(), default=0.0), abs=1e-9)
        assert value == pytest.approx(by_lag.get(lag, 0.0), abs=1e-9)
    assert score.score == pytest.approx((score.clip + score.mirror) / 2)
    assert (score.records, score.pieces) == (len(human), len(pieces))
    assert score.period_s == pytest.approx(period, abs=5e-5)


@given(recordings(), st.floats(0.01, 100), st.floats(0.01, 100))
@settings(max_examples=40, deadline=None)
def test_a_positive_factor_does_not_change_the_score(recording, policy_factor: float, human_factor: float) -> None:
    human, steering, mirrored, times_ms, sessions = recording
    assume(slow_pieces(times_ms, sessions)[0])
    score = score_steering(human, steering, mirrored, times_ms, sessions)
    scaled = score_steering(
        human * human_factor, steering * policy_factor, mirrored * policy_factor, times_ms, sessions
    )
    assert scaled.clip == pytest.approx(score.clip, abs=1e-6)
    assert scaled.mirror == pytest.approx(score.mirror, abs=1e-6)


@given(recordings(), st.floats(-1, 1))
@settings(max_examples=40, deadline=None)
def test_a_constant_policy_scores_0(recording, level: float) -> None:
    human, _, _, times_ms, sessions = recording
    assume(slow_pieces(times_ms, sessions)[0])
    constant = np.full(len(human), level)
    score = score_steering(human, constant, constant, times_ms, sessions)
    assert (score.score, score.clip, score.mirror, score.lag_frames) == (0, 0, 0, (0, 0))


@given(recordings())
@settings(max_examples=40, deadline=None)
def test_a_mirrored_recording_has_the_passes_exchanged(recording) -> None:
    human, steering, mirrored, times_ms, sessions = recording
    assume(slow_pieces(times_ms, sessions)[0])
    score = score_steering(human, steering, mirrored, times_ms, sessions)
    other = score_steering(-human, mirrored, steering, times_ms, sessions)
    assert (other.score, other.clip, other.mirror) == (score.score, score.mirror, score.clip)
    assert other.lag_frames == score.lag_frames[::-1]


k = np.arange(400)
HUMAN = np.sin(k / 9.0) + 0.3 * np.sin(k / 2.3)
POLICY = np.sin((k + 3) / 9.0)  # steers 3 frames before the human


def test_the_vector_that_the_definition_comes_with() -> None:
    score = score_steering(HUMAN, POLICY, -POLICY, 50 * k, one_session(400))
    assert round(score.clip, 4) == round(score.mirror, 4) == round(score.score, 4) == 0.9708
    assert score.lag_frames == (-3, -3)
    assert (score.records, score.pieces, score.period_s) == (400, 1, 0.05)
    assert len(cut(np.r_[50 * k[:200], 50 * k[200:] + 900], one_session(400))[0]) == 2


def test_a_policy_later_than_the_human_has_a_positive_lag_and_one_too_late_scores_less() -> None:
    late = score_steering(HUMAN, np.roll(HUMAN, 4), -np.roll(HUMAN, 4), 50 * k, one_session(400))
    assert late.lag_frames == (4, 4)
    assert late.score > 0.99
    too_late = score_steering(HUMAN, np.roll(HUMAN, 14), -np.roll(HUMAN, 14), 50 * k, one_session(400))
    assert too_late.score < 0.6


def test_a_policy_that_ignores_the_mirror_scores_half() -> None:
    score = score_steering(HUMAN, HUMAN, HUMAN * 0, 50 * k, one_session(400))
    assert score.score == pytest.approx(0.5)
    assert (score.clip, score.mirror) == (pytest.approx(1), 0)
    assert "score 0.500 (clip 1.000 at lag +0, mirror 0.000 at lag +0), 400 records in 1 pieces" in str(score)


@pytest.mark.parametrize(
    ("step_ms", "sessions", "lengths"),
    [
        (50, "a" * 100, [100]),
        (500, "a" * 100, [100]),  # as long as a step may be: not beyond
        (501, "a" * 100, [50, 50]),
        (0, "a" * 100, [100]),
        (-1, "a" * 100, [50, 50]),
        (50, "a" * 50 + "b" * 50, [50, 50]),
        (50, "a" * 19 + "b" * 81, [81]),  # 19 frames of 50 ms are less than 1 s
        (50, "a" * 20 + "b" * 80, [20, 80]),
    ],
)
def test_pieces_end_at_gaps_steps_back_and_sessions(step_ms: int, sessions: str, lengths: list[int]) -> None:
    steps = np.full(100, 50)
    steps[50] = step_ms
    pieces, period_s = cut(np.cumsum(steps), list(sessions))
    assert [one.stop - one.start for one in pieces] == lengths
    assert period_s == 0.05


def test_a_slow_camera_may_have_longer_gaps() -> None:
    times_ms = np.cumsum([400] * 30 + [1200] + [400] * 30 + [1201] + [400] * 30)
    assert [one.stop - one.start for one in cut(times_ms, one_session(92))[0]] == [61, 31]


@pytest.mark.parametrize("records", [0, 1, 19])
def test_a_recording_too_short_is_one_line(records: int) -> None:
    with pytest.raises(ScoreError, match="^[^\n]*; record a longer drive$"):
        score_steering(*np.zeros((3, records)), 50 * np.arange(records), one_session(records))


def test_pieces_too_short_for_any_lag_score_0() -> None:
    curves = np.random.default_rng(0).normal(size=(3, 8))
    score = score_steering(*curves, 1000 * np.arange(8), list("aabbccdd"))
    assert (score.pieces, score.period_s) == (4, 1.0)
    assert (score.score, score.lag_frames) == (0, (0, 0))


def test_a_lag_at_which_the_policy_does_not_change_is_not_a_0_that_beats_a_bad_one() -> None:
    human, policy = np.linspace(-1, 1, 40), np.r_[np.ones(3), np.zeros(37)]
    score = score_steering(human, policy, -policy, 50 * np.arange(40), one_session(40))
    assert score.clip < -0.1
    assert score.lag_frames[0] < 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda human, times, sessions: (np.where(k == 7, np.nan, human), times, sessions),
        lambda human, times, sessions: (human[:-1], times, sessions),
        lambda human, times, sessions: (human, np.where(k == 7, np.inf, times), sessions),
        lambda human, times, sessions: (human, times, sessions[:2]),
    ],
)
def test_what_is_not_one_finite_number_per_record_is_refused(spoil) -> None:
    human, times_ms, sessions = spoil(HUMAN, 50.0 * k, one_session(400))
    with pytest.raises(ValueError, match="finite numbers, one per record"):
        score_steering(human, POLICY, POLICY, times_ms, sessions)


def test_mirror_consistency_is_1_for_a_policy_that_takes_both_sides_alike() -> None:
    assert mirror_consistency(POLICY, -POLICY) == pytest.approx(1)
    assert mirror_consistency(POLICY, POLICY) == pytest.approx(-1)
    assert mirror_consistency(POLICY, 0.5 - 2 * POLICY) == pytest.approx(1)  # a correlation: a bias is not seen
    assert mirror_consistency(POLICY, np.full(400, 0.1)) == mirror_consistency(np.full(400, 0.1), POLICY) == 0


def test_flips_cross_zero_within_a_piece() -> None:
    times_ms, sessions = 50 * np.arange(60), ["a"] * 20 + ["b"] * 40  # 3 s in two pieces
    steering = np.full(60, 0.5)
    assert flips_per_second(steering, times_ms, sessions) == 0
    steering[30:] = -0.5  # one flip
    assert flips_per_second(steering, times_ms, sessions) == pytest.approx(1 / 3)
    steering[25:30] = 0  # the same flip, by way of 0
    assert flips_per_second(steering, times_ms, sessions) == pytest.approx(1 / 3)
    steering[40] = 0  # to 0 and back is none
    assert flips_per_second(steering, times_ms, sessions) == pytest.approx(1 / 3)
    steering[:20] = -0.5  # across a cut is none
    assert flips_per_second(steering, times_ms, sessions) == pytest.approx(1 / 3)
    steering[50] = 0.1  # there and back are two
    assert flips_per_second(steering, times_ms, sessions) == pytest.approx(3 / 3)


def test_time_outside_the_pieces_does_not_count_for_flips() -> None:
    times_ms, sessions = 50 * np.arange(60), ["a"] * 10 + ["b"] * 50  # 0.5 s dropped, 2.5 s kept
    steering = np.where(np.arange(60) % 2, 0.3, -0.3)
    assert flips_per_second(steering, times_ms, sessions) == pytest.approx(49 / 2.5)


def test_sign_agreement_looks_at_bends_alone() -> None:
    times_ms, sessions = 50 * np.arange(200), one_session(200)
    human = np.r_[np.zeros(50), np.full(50, 0.8), np.zeros(50), np.full(50, -0.3)]  # -0.3 is no bend beside 0.8
    assert sign_agreement_in_bends(human, human, times_ms, sessions) == 1
    assert sign_agreement_in_bends(human, -human, times_ms, sessions) == 0
    assert sign_agreement_in_bends(human, np.zeros(200), times_ms, sessions) == 0
    assert sign_agreement_in_bends(human, np.full(200, 0.01), times_ms, sessions) == 1
    assert sign_agreement_in_bends(human, np.where(np.arange(200) < 75, 0.5, -0.5), times_ms, sessions) == 0.5
    human[150:] = -0.5
    assert sign_agreement_in_bends(human, np.full(200, 0.01), times_ms, sessions) == pytest.approx(0.5, abs=0.02)


def test_without_a_bend_nothing_agrees() -> None:
    assert sign_agreement_in_bends(np.zeros(100), np.ones(100), 50 * np.arange(100), one_session(100)) == 0


@given(recordings())
@settings(max_examples=40, deadline=None)
def test_sign_agreement_is_what_its_definition_says(recording) -> None:
    human, steering, _, times_ms, sessions = recording
    human = human + 1e-3 * np.sin(np.arange(len(human)))  # no two alike, else many lie on the edge of a bend
    pieces, period = slow_pieces(times_ms, sessions)
    if not pieces:
        with pytest.raises(ScoreError, match="1 s without a gap"):
            sign_agreement_in_bends(human, steering, times_ms, sessions)
        return
    theirs = [value for piece in pieces for value in slow_smooth(human.tolist(), piece, period)]
    ours = [value for piece in pieces for value in slow_smooth(steering.tolist(), piece, period)]
    half = max(map(abs, theirs)) / 2
    assume(half > 0 and all(abs(abs(value) - half) > 1e-12 for value in theirs))  # on the edge, rounding decides
    agrees = [a * b > 0 and abs(b) > 1e-9 for a, b in zip(theirs, ours, strict=True) if abs(a) > half]
    assert sign_agreement_in_bends(human, steering, times_ms, sessions) == pytest.approx(sum(agrees) / len(agrees))


@pytest.fixture
def definition() -> ModuleType:
    """score.py beside the real clips: the definition that models/score.py writes anew."""
    if not (FOOTAGE / "score.py").is_file():
        pytest.skip(f"no real footage at {FOOTAGE}: it is not part of the project")
    spec = importlib.util.spec_from_file_location("footage_score", FOOTAGE / "score.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_real_clips_score_as_the_definition_computes_it(definition: ModuleType, rng: np.random.Generator) -> None:
    clips = find_tubs(FOOTAGE)
    assert len(clips) == 7
    for clip in clips:
        tub = Tub(clip)
        assert len(tub.records) == 800
        assert tub.image(tub.records[0]).shape == tub.image(tub.records[-1]).shape == (120, 160, 3)
        angles = np.array([record.angle for record in tub.records])
        # As if some frames could not be read: single ones, and enough in a row for a cut.
        kept = (rng.random(800) > 0.02) & ~((np.arange(800) > 300) & (np.arange(800) < 320))
        steering = np.roll(angles, 3) + rng.normal(0, 0.5, 800)
        mirrored = rng.normal(0, 0.5, 800) - np.roll(angles, -2)
        for chosen in (np.ones(800, bool), kept):
            records = [record for record, keep in zip(tub.records, chosen, strict=True) if keep]
            ours = score_steering(
                angles[chosen],
                steering[chosen],
                mirrored[chosen],
                [record.timestamp_ms for record in records],
                [record.session_id for record in records],
            )
            rows = zip([record.index for record in records], steering[chosen], mirrored[chosen], strict=True)
            theirs = definition.score(rows, str(clip))
            assert ours == Score(**theirs | {"lag_frames": tuple(theirs["lag_frames"])})
            assert ours.score > 0.1  # a comparison of something
