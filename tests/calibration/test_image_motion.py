import cv2
import numpy as np
import pytest

from calibration.image_motion import WIDTH, moved, small_grey, turning

HEIGHT = 120


def floor(seed: int = 0) -> np.ndarray:
    """Something large and something small to see everywhere, larger than a frame."""
    rng, picture = np.random.default_rng(seed), np.full((2 * HEIGHT, 4 * WIDTH), 128, np.float32)
    for across in (8, 20, 60, 180):
        noise = rng.uniform(-45, 45, (across // 2, across)).astype(np.float32)
        picture += cv2.resize(noise, picture.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return picture.clip(0, 255).astype(np.uint8)


def seen(picture: np.ndarray, left_px: float, scale: float = 1.0) -> np.ndarray:
    """A frame of it, moved to the left by so much, and so much larger about the frame's upper edge: driven nearer."""
    height, width = picture.shape
    to = np.array([[scale, 0, WIDTH / 2 - scale * width / 2 - left_px], [0, scale, -scale * height / 4]])
    return cv2.warpAffine(picture, to, (WIDTH, HEIGHT))


@pytest.mark.parametrize("left_px", [-30.0, -4.0, 0.0, 1.5, 30.0])
def test_a_car_that_turns_right_sees_everything_move_left(left_px: float) -> None:
    picture = floor()
    before, now = turning([seen(picture, 0.0), seen(picture, left_px)])
    assert np.isnan(before)
    assert now == pytest.approx(left_px / WIDTH, abs=0.002)


def test_driving_on_over_a_floor_is_no_turn_and_hides_none() -> None:
    picture = floor()
    frames = [seen(picture, 6.0 * step, 1.05**step) for step in range(4)]
    assert turning(frames)[1:] == pytest.approx(6.0 / WIDTH, abs=0.01)
    straight = [seen(picture, 0.0, 1.05**step) for step in range(4)]
    assert turning(straight)[1:] == pytest.approx(0.0, abs=0.01)


def test_nobody_knows_how_far_nothing_turned() -> None:
    bare = np.full((HEIGHT, WIDTH), 90, np.uint8)
    assert np.isnan(turning([bare, bare, bare])).all()
    assert np.isnan(turning([seen(floor(), 0.0), seen(floor(1), 0.0)])).all()  # elsewhere at once
    assert moved(bare, bare).shape == (0, 4)


def test_frames_of_any_size_are_looked_at_alike() -> None:
    picture = floor()
    large = [cv2.cvtColor(cv2.resize(seen(picture, left_px), (640, 480)), cv2.COLOR_GRAY2RGB) for left_px in (0.0, 8.0)]
    assert turning(large)[1] == pytest.approx(8.0 / WIDTH, abs=0.002)
    assert small_grey(large[0]).shape == (HEIGHT, WIDTH)
