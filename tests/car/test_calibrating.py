"""What calibration moves, on a real guardian and the simulated chip, with a person who looks away or gives up."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from calibration.car_file import CalibrationError, nominal, save_calibration
from car.calibrating import UNWATCHED, FloorToGuardian, PulsesToGuardian
from car.page.asking import SILENT_NS, STOPPED, Asking
from car.page.message import Answer
from settings import DriveSettings
from tests.car.hazards import Chip
from tests.car.page.car import Clock


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[Chip]:
    chip = Chip(tmp_path)
    yield chip
    chip.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def person(clock: Clock) -> Asking:
    """Somebody at a page."""
    person = Asking("A TEST", clock)
    person.hear("phone", Answer())
    return person


def test_no_burst_while_the_page_is_silent(chip: Chip, tmp_path: Path, person: Asking, clock: Clock) -> None:
    with PulsesToGuardian("simchip", tmp_path, nominal(), person) as stand:
        clock.now_ns += SILENT_NS + 1
        stand.burst(1600)
        assert chip.bursts_ms() == []
        person.hear("phone", Answer())
        stand.burst(1600)
    assert len(chip.bursts_ms()) == 1


def test_a_burst_that_was_cut_does_not_go_on(chip: Chip, tmp_path: Path, person: Asking, clock: Clock) -> None:
    def look_away() -> None:
        chip.wait_moving()
        clock.now_ns += SILENT_NS + 1
        chip.wait(lambda standing: standing.neutral, "neutral")
        person.hear("phone", Answer())

    away = threading.Thread(target=look_away)
    away.start()
    with PulsesToGuardian("simchip", tmp_path, nominal(), person) as stand:
        stand.burst(1600)
        away.join()
    assert len(chip.bursts_ms()) == 1


def test_stop_in_a_burst_is_neutral(chip: Chip, tmp_path: Path, person: Asking) -> None:
    def press() -> None:
        chip.wait_moving()
        person.stop()

    pressing = threading.Thread(target=press)
    pressing.start()
    with PulsesToGuardian("simchip", tmp_path, nominal(), person) as stand:

        def turn() -> None:
            for _ in range(20):
                stand.burst(1600)

        with pytest.raises(CalibrationError, match=STOPPED):
            turn()
    pressing.join()
    assert chip.now().neutral


def test_a_car_on_the_floor_rolls_out_unwatched_but_drives_no_further(
    chip: Chip, tmp_path: Path, person: Asking, clock: Clock
) -> None:
    save_calibration(tmp_path, nominal())
    with FloorToGuardian("simchip", tmp_path, DriveSettings(), None, person) as floor:
        floor.drive(0.0, 0.1, 0.2)
        clock.now_ns += SILENT_NS + 1
        with pytest.raises(CalibrationError, match=UNWATCHED):
            floor.drive(0.0, 0.1, 0.2)
    assert len(chip.bursts_ms()) == 1
    assert chip.now().neutral
