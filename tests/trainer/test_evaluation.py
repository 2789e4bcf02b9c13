import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.contract import Contract
from tests.conftest import PRETRAINED
from trainer.evaluation import drive_tracks, summarise, teacher

CONTRACT = Contract()


def straight_on(observations: np.ndarray, _cars: np.ndarray, _simulator: object) -> np.ndarray:
    return np.full(len(observations), 3)


def test_the_teacher_finishes_and_one_who_does_not_steer_does_not() -> None:
    seeing = summarise(drive_tracks(teacher(CONTRACT), CONTRACT, tracks=12, laps=1, seed=0))
    blind = summarise(drive_tracks(straight_on, CONTRACT, tracks=12, laps=1, seed=0))
    assert (seeing.finished, seeing.off_road) == (12, 0)
    assert (blind.finished, blind.off_road) == (0, 12)
    assert seeing.lap_s > 5
    assert blind.lap_s is None
    assert seeing.mean_offset_m < 0.06 < blind.mean_offset_m
    assert blind.worst_offset_m > 0.2  # half of the narrowest road


def test_the_same_seed_gives_the_same_tracks_in_any_batches_and_another_seed_others() -> None:
    def run(seed: int, batches: list[tuple[int, int]]) -> list:
        return [
            result
            for first, count in batches
            for result in drive_tracks(straight_on, CONTRACT, count, laps=1, seed=seed, first_track=first)
        ]

    assert run(0, [(0, 6)]) == run(0, [(0, 2), (2, 4)])
    assert run(0, [(0, 6)]) != run(1, [(0, 6)])


def test_a_car_that_stands_is_given_up() -> None:
    still = CONTRACT.model_copy(update={"actions": CONTRACT.actions.model_copy(update={"throttle": (0.0,)})})
    (result,) = drive_tracks(straight_on, still, tracks=1, laps=1, seed=0)
    assert not result.finished
    assert not result.off_road
    assert result.driven_m == 0


def test_paths_are_there_where_they_are_asked_for() -> None:
    without, with_paths = (
        drive_tracks(straight_on, CONTRACT, tracks=3, laps=1, seed=0, paths=paths) for paths in (False, True)
    )
    assert with_paths == without
    assert all(result.path is None for result in without)
    for result in with_paths:
        path = result.path
        assert path.centre_m.shape == (len(path.offset_m), 2)
        assert np.abs(path.offset_m).mean() == pytest.approx(result.mean_offset_m)
        assert np.abs(path.offset_m[-1]) > path.track.width_m / 2  # where it left the road
        away_m = np.linalg.norm(path.track.points[:, None] - path.centre_m[None], axis=2).min(axis=0)
        np.testing.assert_allclose(away_m, np.abs(path.offset_m), atol=path.track.spacing_m)
    assert summarise(with_paths).as_json() == summarise(without).as_json()
    assert "path" not in summarise(with_paths).as_json()["results"][0]


def test_evaluate_prints_a_table_and_json_and_leaves_a_film(manage, tmp_path: Path) -> None:
    drives = tmp_path / "drives"
    arguments = ["evaluate", "--model", PRETRAINED, "--tracks", "3", "--laps", "1", "--seed", "4", "--drives", drives]
    table = manage(*arguments).stdout
    for word in ("int8", "float", "teacher", "finished", "same action", "regret"):
        assert word in table
    result = json.loads(manage(*arguments, "--json").stdout)
    assert result["teacher"]["finished"] == 3
    assert len(result["int8"]["results"]) == 3
    assert result["int8"]["tracks"] == 3
    steps = sum(track["lap_s"] / 0.05 for track in result["int8"]["results"] if track["finished"])
    assert result["int8_against_float"]["frames"] >= round(steps)
    assert 0.9 < result["int8_against_float"]["within_one_bin"] <= 1
    again = json.loads(manage(*arguments, "--json").stdout)
    assert again == result
    left = sorted(drives.iterdir())
    assert json.loads((left[-1] / "summary.json").read_text()) == result
    with Image.open(left[-1] / "drive.gif") as gif:
        assert gif.n_frames > 1  # the shipped model may leave this road early
