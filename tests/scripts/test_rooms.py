from collections.abc import Callable
from itertools import cycle

import numpy as np
import pytest

from models.contract import Contract
from models.decision import Decisions
from scripts.rooms import Onlooker, Room, bands

PERIOD_S = 0.05
STEPS = 400


def looked_on(says: Callable[[np.ndarray], np.ndarray], steps: int = STEPS) -> Onlooker:
    """Two cars whose road bends to where the newest picture is bright; says: pictures -> steering."""
    size, stack = Contract().observation.size, Contract().observation.stack
    bends = np.sin(np.arange(steps) / 15)
    now = iter(bends)

    def drives(pictures: np.ndarray, cars: np.ndarray, _: None) -> Decisions:
        return Decisions(np.zeros(len(cars), int), np.full(len(cars), next(now)), np.zeros(len(cars)))

    def looks_on(pictures: np.ndarray, cars: np.ndarray, _: None) -> Decisions:
        return Decisions(np.zeros(len(cars), int), says(pictures), np.zeros(len(cars)))

    onlooker = Onlooker(drives, looks_on, 2)
    for step in range(steps):
        seen = bends[np.maximum(0, step - np.arange(stack)[::-1])]  # the newest is the last
        pictures = np.zeros((2, size, size, stack))
        pictures[:, :, size // 2 :], pictures[:, :, : size // 2] = 100 + 100 * seen, 100 - 100 * seen
        onlooker(pictures, np.arange(2), None)
    return onlooker


def by_the_newest(pictures: np.ndarray) -> np.ndarray:
    half = pictures.shape[2] // 2
    return (pictures[:, :, half:, -1].mean(axis=(1, 2)) - pictures[:, :, :half, -1].mean(axis=(1, 2))) / 200


def by_what_moves(pictures: np.ndarray) -> np.ndarray:
    half = pictures.shape[2] // 2
    moved = pictures[..., -1] - pictures[..., 0]
    return (moved[:, :, half:].mean(axis=(1, 2)) - moved[:, :, :half].mean(axis=(1, 2))) / 40


def test_who_reads_the_road_scores_with_still_pictures_too_and_on_mirrored_ones() -> None:
    onlooker = looked_on(by_the_newest)
    for car in range(2):
        assert onlooker.scores(car, PERIOD_S) == pytest.approx((1.0, 1.0), abs=0.01)


def test_who_sees_nothing_but_motion_scores_nothing_where_pictures_stand_still() -> None:
    moving, still = looked_on(by_what_moves).scores(0, PERIOD_S)
    assert abs(moving) > 0.1
    assert still == 0.0


def test_who_steers_on_mirrored_pictures_as_if_they_were_not_gains_nothing() -> None:
    """Right on half of them, wrong on the other half."""
    mirrored = cycle([False, True])
    onlooker = looked_on(lambda seen: -by_the_newest(seen) if next(mirrored) else by_the_newest(seen))
    assert onlooker.scores(0, PERIOD_S) == pytest.approx((0.0, 0.0), abs=0.1)


def test_a_drive_that_is_too_short_has_no_score() -> None:
    assert looked_on(by_the_newest, steps=10).scores(0, PERIOD_S) is None


def test_rooms_and_clips_are_counted_in_the_band_of_their_score() -> None:
    rooms = [
        Room((0.95, 0.3), finished=True),
        Room((0.9, 0.65), finished=False),
        Room((0.2, 0.1), finished=False),
        Room((1.0, 1.0), finished=True),
        Room(None, finished=True),
    ]
    rows = bands(rooms, [(0.62, 0.56), (0.47, 0.17)]).splitlines()[2:]
    cells = {row.split(" | ")[0].removeprefix("| "): row.removesuffix(" |").split(" | ")[1:] for row in rows}
    assert cells["below 0.4"] == ["1", "0", "0", "2", "1", "1"]
    assert cells["0.4 to 0.5"] == ["0", "-", "1", "0", "-", "0"]
    assert cells["0.6 to 0.7"] == ["0", "-", "1", "1", "0", "0"]
    assert cells["0.9 to 1.0"] == ["3", "2", "0", "1", "1", "0"]
    assert cells["too little to score"][:2] == ["1", "1"]


def test_what_stands_still_is_the_newest_picture() -> None:
    shown = []

    def says(pictures: np.ndarray) -> np.ndarray:
        shown.append(pictures.copy())
        return np.zeros(len(pictures))

    looked_on(says, steps=4)
    moving, mirrored, still, still_mirrored = shown[-4:]
    assert np.ptp(moving, axis=-1).any()
    assert (still == moving[..., -1:]).all()
    assert (mirrored == moving[:, :, ::-1]).all()
    assert (still_mirrored == still[:, :, ::-1]).all()
