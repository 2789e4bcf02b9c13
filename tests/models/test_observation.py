import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.contract import Contract
from models.observation import FrameStack, Observer, grey_view

SPEC = Contract().observation
# Small random pictures blown up: flat areas and hard edges, as in real frames, and quick to draw.
pictures = arrays(np.uint8, (12, 16, 3)).map(
    lambda small: cv2.resize(small, (160, 120), interpolation=cv2.INTER_NEAREST)
)


@given(pictures)
@settings(max_examples=60)
def test_rgb_and_luma_of_a_picture_give_the_same_view_within_one_grey_level(rgb: np.ndarray) -> None:
    luma = np.round(rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)  # what a camera calls Y
    difference = grey_view(rgb, SPEC).astype(int) - grey_view(luma, SPEC)
    assert np.abs(difference).max() <= 1


@given(pictures)
@settings(max_examples=60)
def test_the_view_of_a_mirrored_picture_is_the_mirrored_view(rgb: np.ndarray) -> None:
    difference = grey_view(rgb[:, ::-1].copy(), SPEC)[:, ::-1].astype(int) - grey_view(rgb, SPEC)
    assert np.abs(difference).max() <= 1


def test_the_top_third_is_not_seen() -> None:
    frame = np.full((120, 160), 100, np.uint8)
    before = grey_view(frame, SPEC)
    frame[:40] = 255
    assert (grey_view(frame, SPEC) == before).all()
    frame[40] = 255
    assert (grey_view(frame, SPEC) != before).any()


def test_areas_are_averaged() -> None:
    frame = np.zeros((120, 160), np.uint8)
    frame[:, ::2] = 200  # columns finer than the view can show
    assert abs(int(grey_view(frame, SPEC).mean()) - 100) <= 1
    assert np.ptp(grey_view(frame, SPEC)) <= 82  # not aliased to 0 and 200


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((120, 160, 4), np.uint8),
        np.zeros((160, 120, 3), np.uint8),
        np.zeros((120, 160), np.float32),
        np.zeros((120, 192), np.uint8),  # a stride that was not cut off
    ],
)
def test_a_frame_of_another_kind_is_refused(frame: np.ndarray) -> None:
    with pytest.raises(ValueError, match="set the camera"):
        grey_view(frame, SPEC)


def test_the_stack_holds_the_last_views_newest_last() -> None:
    stack = FrameStack(SPEC)
    views = [np.full((64, 64), level, np.uint8) for level in range(6)]
    first = stack.push(views[0])
    assert (first == 0).all()
    for view in views[1:]:
        observation = stack.push(view)
    assert observation.shape == SPEC.shape
    assert observation[0, 0].tolist() == [2, 3, 4, 5]
    stack.clear()
    assert stack.push(views[3])[0, 0].tolist() == [3, 3, 3, 3]


@given(st.lists(st.integers(0, 255), min_size=1, max_size=12), st.integers(1, 8))
def test_a_stack_is_the_last_views_and_before_them_the_first(levels: list[int], size: int) -> None:
    spec = SPEC.model_copy(update={"stack": size})
    stack = FrameStack(spec)
    for level in levels:
        observation = stack.push(np.full((64, 64), level, np.uint8))
    assert observation.shape == (64, 64, size)
    assert observation[5, 7].tolist() == ([levels[0]] * size + levels)[-size:]


@given(st.lists(st.integers(0, 120), min_size=1, max_size=40))
def test_observations_are_a_period_apart_however_the_frames_come(steps_ms: list[int]) -> None:
    observer, frame, now_ms, taken_ms = Observer(SPEC), np.zeros((120, 160), np.uint8), 0, []
    for step_ms in steps_ms:
        now_ms += step_ms
        waited = not taken_ms or now_ms - taken_ms[-1] >= 45  # a camera's frames come a little early as often as late
        assert (observer.see(frame, now_ms * 1_000_000) is not None) == waited
        if waited:
            taken_ms.append(now_ms)


def test_an_observation_is_not_changed_by_later_frames() -> None:
    stack = FrameStack(SPEC)
    seen = stack.push(np.full((64, 64), 7, np.uint8))
    stack.push(np.full((64, 64), 9, np.uint8))
    assert (seen == 7).all()


def test_an_observer_keeps_frames_a_period_apart_and_after_a_clear_begins_anew() -> None:
    observer = Observer(SPEC)
    frames = [np.full((120, 160), level, np.uint8) for level in range(5)]
    seen = [observer.see(frame, ms * 1_000_000) for frame, ms in zip(frames, (0, 20, 46, 90, 92), strict=True)]
    assert [observation is not None for observation in seen] == [True, False, True, False, True]
    assert seen[-1][0, 0].tolist() == [0, 0, 2, 4]
    assert observer.see(frames[1], 93_000_000) is None
    observer.clear()
    assert observer.see(frames[3], 0)[0, 0].tolist() == [3, 3, 3, 3]  # clocks may start anew
