from pathlib import Path

import cv2
import numpy as np
import pytest

from car.simulated import SimulatedCar
from car.snapshots import COLUMNS, EVERY_S, ROWS, Snapshots
from models.contract import Contract
from storage.files import StorageError


def drive_for(seconds: float, path: Path) -> Snapshots:
    car = SimulatedCar(Contract().observation, seed=1)
    snapshots = Snapshots(car, path)
    for _ in range(round(seconds / car.period_s)):
        snapshots.run(car.advance(), -0.5)
    return snapshots


def test_a_drive_leaves_one_picture(tmp_path: Path) -> None:
    drive_for(EVERY_S * 3.5, tmp_path / "drive.png").save()
    picture = cv2.imread(str(tmp_path / "drive.png"))
    assert picture.shape == (ROWS * 240, COLUMNS * 320 + ROWS * 240, 3)
    frames = [picture[:240, 320 * column : 320 * (column + 1)] for column in range(COLUMNS)]
    assert [bool(frame.any()) for frame in frames] == [True, True, True, False]
    assert (np.abs(frames[0].astype(int) - (0, 210, 255)).sum(axis=2) < 10).any()  # the steering, in yellow (BGR)


def test_a_drive_too_short_for_a_picture_leaves_none(tmp_path: Path) -> None:
    drive_for(EVERY_S / 2, tmp_path / "drive.png").save()
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        drive_for(EVERY_S * 2, tmp_path / "file" / "drive.png").save()
