from models.contract import Contract
from models.pictures import YELLOW
from tests.trainer.drivers import steady
from trainer.evaluation import teacher
from trainer.film import FRAMES, film

CONTRACT = Contract()


def test_a_film_shows_the_drive_and_ends_with_it() -> None:
    frames = film(teacher(CONTRACT), CONTRACT, seed=1)
    assert len(frames) == FRAMES
    assert {frame.shape for frame in frames} == {(120, 280, 3)}
    assert all((frame[:, :160] == YELLOW).all(axis=2).any() for frame in frames)  # the steering
    for half in (slice(160), slice(160, None)):  # camera, track from above
        assert (frames[0][:, half] != frames[-1][:, half]).any()

    assert 0 < len(film(steady(-1.0), CONTRACT, seed=1)) < FRAMES
