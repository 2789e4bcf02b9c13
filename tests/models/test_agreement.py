import numpy as np
import pytest

from models.agreement import agreement
from models.contract import ActionTable


def test_agreement_counts_bins_and_what_was_lost() -> None:
    reference = np.array([[0, 1, 2, 3, 4, 5, 6]] * 4, np.float32)
    other = reference.copy()
    other[1, 5] = 9  # one bin off, loses 1 of a range of 6
    other[2, 0] = 9  # six bins off, loses all of it
    result = agreement(other.argmax(axis=1), reference, ActionTable())
    assert result.frames == 4
    assert result.same_action == 0.5
    assert result.within_one_bin == 0.75
    assert result.regret == pytest.approx((1 + 6) / 4 / 6)


def test_bins_are_of_steering_whatever_the_throttle() -> None:
    actions = ActionTable(throttle=(0.1, 0.2))
    reference = np.zeros((1, len(actions)), np.float32)
    reference[0, 0] = 1
    assert agreement(np.array([3]), reference, actions).within_one_bin == 1  # bins 0 and 1
    assert agreement(np.array([4]), reference, actions).within_one_bin == 0  # bin 2
