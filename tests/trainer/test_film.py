import io

import numpy as np
from PIL import Image

from models.contract import Contract
from models.pictures import YELLOW
from trainer.evaluation import teacher
from trainer.film import FRAMES, as_gif, film

CONTRACT = Contract()


def test_a_film_shows_the_drive_and_ends_with_it() -> None:
    frames = film(teacher(CONTRACT), CONTRACT, seed=1)
    assert len(frames) == FRAMES
    assert {frame.shape for frame in frames} == {(120, 280, 3)}
    assert all((frame[:, :160] == YELLOW).all(axis=2).any() for frame in frames)  # the steering
    for half in (slice(160), slice(160, None)):  # camera, track from above
        assert (frames[0][:, half] != frames[-1][:, half]).any()

    def full_left(observations: np.ndarray, *_: object) -> np.ndarray:
        return np.zeros(len(observations), int)

    assert 0 < len(film(full_left, CONTRACT, seed=1)) < FRAMES


def test_the_gif_has_every_frame_at_its_pace() -> None:
    frames = [np.full((120, 160, 3), 60 * shade, np.uint8) for shade in range(4)]
    with Image.open(io.BytesIO(as_gif(frames, 0.1))) as gif:
        assert (gif.n_frames, gif.size) == (4, (160, 120))
        for index, frame in enumerate(frames):
            gif.seek(index)
            assert gif.info["duration"] == 100
            np.testing.assert_allclose(np.array(gif.convert("RGB")), frame, atol=4)
