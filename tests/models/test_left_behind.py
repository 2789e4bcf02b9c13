import io
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.left_behind import as_gif, film_picture, leave_behind
from models.pictures import YELLOW
from storage.files import StorageError

BEGAN = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)
FILM = [np.full((12, 16, 3), 60 * shade, np.uint8) for shade in range(4)]


def test_the_gif_has_every_frame_at_its_pace() -> None:
    frames = [np.full((120, 160, 3), 60 * shade, np.uint8) for shade in range(4)]
    with Image.open(io.BytesIO(as_gif(frames, 0.1))) as gif:
        assert (gif.n_frames, gif.size) == (4, (160, 120))
        for index, frame in enumerate(frames):
            gif.seek(index)
            assert gif.info["duration"] == 100
            np.testing.assert_allclose(np.array(gif.convert("RGB")), frame, atol=4)


def test_in_the_gif_the_steering_keeps_its_colour_however_many_there_are(rng: np.random.Generator) -> None:
    frame = rng.integers(0, 256, (120, 160, 3), np.uint8)
    with Image.open(io.BytesIO(as_gif([film_picture(frame, 0.5, None)], 0.1))) as gif:
        assert (np.array(gif.convert("RGB")) == YELLOW).all(axis=2).sum() > 50


def test_a_film_picture_is_the_frame_grey_or_not_beside_the_track() -> None:
    above = np.full((120, 120, 3), 9, np.uint8)
    for frame in (np.zeros((120, 160), np.uint8), np.zeros((120, 160, 3), np.uint8)):
        alone, both = film_picture(frame, 1.0, None), film_picture(frame, 1.0, above)
        assert alone.shape == (120, 160, 3)
        assert (alone == YELLOW).all(axis=2).any()
        assert (both == np.hstack([alone, above])).all()
        assert not frame.any()


def test_what_is_left_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Two in one second, too."""
    first, second = (leave_behind(tmp_path, "drive", BEGAN, {"laps": laps}, FILM, 0.1) for laps in (1, 2))
    assert first.name.endswith("-drive")
    assert second.name == f"{first.name}-2"
    for laps, folder in enumerate((first, second), start=1):
        assert {file.name for file in folder.iterdir()} == {"drive.gif", "summary.json"}
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["laps"] == laps
        assert summary["when"] == "2026-11-22T12:00:01+00:00"
        assert summary["command"].startswith("python manage.py")
    assert len(list(tmp_path.iterdir())) == 2


def test_where_nothing_can_be_written_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        leave_behind(tmp_path / "file", "drive", BEGAN, {}, FILM, 0.1)
    with pytest.raises(TypeError):
        leave_behind(tmp_path, "drive", BEGAN, {"no": object()}, FILM, 0.1)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
