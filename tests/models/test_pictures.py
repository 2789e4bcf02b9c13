from pathlib import Path

import cv2
import numpy as np
import pytest

from models.pictures import CYAN, draw_steering, sheet, write_png, write_text
from storage.files import StorageError


def test_the_steering_is_drawn_to_its_side_into_a_copy() -> None:
    frame = np.zeros((120, 160, 3), np.uint8)
    right, left = draw_steering(frame, 1.0), draw_steering(frame, -1.0, CYAN)
    assert not frame.any()
    assert right[:, 90:].any()
    assert not right[:, :70].any()
    assert left[:, :70].any()
    assert (left == CYAN).all(axis=2).any()


def test_a_sheet_places_pictures_row_by_row() -> None:
    whole = sheet([np.full((4, 5, 3), level, np.uint8) for level in (1, 2, 3)], columns=2, rows=2, gap=1)
    assert whole.shape == (9, 11, 3)
    assert (whole[:4, :5] == 1).all()
    assert (whole[:4, 6:] == 2).all()
    assert (whole[5:, :5] == 3).all()
    assert not whole[4].any()
    assert not whole[5:, 6:].any()


def test_a_png_has_the_pictures_colours(tmp_path: Path) -> None:
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[:, :10] = CYAN
    write_text(picture, "1", 15, 15)
    assert picture[:, 12:].any()
    write_png(tmp_path / "new" / "a.png", picture)
    assert (cv2.imread(str(tmp_path / "new" / "a.png"))[..., ::-1] == picture).all()
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        write_png(tmp_path / "file" / "a.png", picture)
