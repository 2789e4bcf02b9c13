import numpy as np
import pytest

from trainer.replay import Batch
from trainer.variation import ALL_ROOMS, ONE_CAR, Most, vary


def batch_of(picture: np.ndarray, count: int = 40) -> Batch:
    """The picture, uint8 (64, 64), in all places of `count` transitions."""
    pictures = np.repeat(np.repeat(picture[None, :, :, None], count, axis=0), 4, axis=3)
    nothing = np.zeros(count, np.float32)
    return Batch(pictures, nothing.astype(np.int32), nothing, nothing, pictures.copy())


def spot() -> np.ndarray:
    picture = np.full((64, 64), 40, np.uint8)
    picture[28:36, 28:36] = 200
    return picture


def middle_of_spot(picture: np.ndarray) -> np.ndarray:
    bright = picture.astype(float) - picture.min()
    return np.array([(bright * axis).sum() / bright.sum() for axis in np.mgrid[:64, :64]])


@pytest.mark.parametrize("most", [ONE_CAR, ALL_ROOMS])
def test_both_ends_of_a_transition_and_all_of_a_stack_are_moved_and_lit_alike(most: Most) -> None:
    batch = batch_of(spot())
    vary(np.random.default_rng(0), most, batch.observation, batch.next_observation)
    np.testing.assert_array_equal(batch.observation, batch.next_observation)
    np.testing.assert_array_equal(batch.observation, batch.observation[..., :1].repeat(4, axis=3))


def test_each_transition_is_moved_otherwise_and_no_further_than_told() -> None:
    batch = batch_of(spot())
    vary(np.random.default_rng(1), ONE_CAR, batch.observation)
    away = np.array([middle_of_spot(one[..., 0]) for one in batch.observation]) - 31.5
    assert np.abs(away).max() < ONE_CAR.shift_px + 0.3
    assert (away.std(axis=0) > ONE_CAR.shift_px / 4).all()
    assert len(np.unique(away.round(3), axis=0)) == len(away)


def test_labels_of_parts_of_the_picture_are_moved_with_it() -> None:
    batch = batch_of(spot())
    labels = np.zeros((40, 16, 16), np.int8)
    labels[:, 7:9, 7:9] = 100  # the spot's
    vary(np.random.default_rng(1), ONE_CAR, batch.observation, labels=labels, unknown=-128)
    for picture, label in zip(batch.observation[..., 0], labels, strict=True):
        rows, columns = np.nonzero(label == 100)
        middle_px = np.array([rows.mean(), columns.mean()]) * 4 + 1.5
        np.testing.assert_allclose(middle_px, middle_of_spot(picture), atol=2.1)  # half a part
    assert (labels == -128).any()  # seen from beyond the picture's edge
    assert set(np.unique(labels)) == {-128, 0, 100}


def test_light_changes_and_stays_within_grey_levels() -> None:
    batch = batch_of(np.full((64, 64), 250, np.uint8))
    vary(np.random.default_rng(2), ONE_CAR, batch.observation)
    levels = batch.observation[:, 0, 0, 0]
    assert levels.max() == 255
    assert levels.min() < 180


def test_the_same_numbers_vary_the_same() -> None:
    first, second = batch_of(spot()), batch_of(spot())
    vary(np.random.default_rng(3), ONE_CAR, first.observation)
    vary(np.random.default_rng(3), ONE_CAR, second.observation)
    np.testing.assert_array_equal(first.observation, second.observation)


def test_some_pictures_of_all_rooms_are_negatives_and_each_direction_is_stretched_by_itself() -> None:
    picture = np.full((64, 64), 100, np.uint8)
    picture[20:44, 20:44] = 160
    batch = batch_of(picture, 400)
    vary(np.random.default_rng(4), ALL_ROOMS, batch.observation)
    seen = batch.observation[..., 0].astype(int)
    darker = seen[:, 32, 32] < seen[:, 2, 2]
    assert 0.2 < darker.mean() < 0.4
    sides = np.array([[np.ptp(axis[np.abs(one - one[2, 2]) > 8]) for axis in np.mgrid[:64, :64]] for one in seen])
    assert (sides[:, 0] / sides[:, 1]).std() > 0.08
