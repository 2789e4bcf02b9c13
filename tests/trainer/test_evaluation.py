import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.contract import Contract
from sim_bridge.real import REAL
from sim_bridge.track import CentreLine
from tests.conftest import PRETRAINED, assert_one_line
from tests.sim_bridge.test_track_file import eight, ellipse, write
from tests.trainer.drivers import steady
from trainer.evaluation import as_measured, drive_tracks, summarise, teacher

CONTRACT = Contract()


def test_the_teacher_finishes_and_one_who_does_not_steer_does_not() -> None:
    seeing = summarise(drive_tracks(teacher(CONTRACT), CONTRACT, tracks=12, laps=1, seed=0))
    blind = summarise(drive_tracks(steady(0.0), CONTRACT, tracks=12, laps=1, seed=0))
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
            for result in drive_tracks(steady(0.0), CONTRACT, count, laps=1, seed=seed, first_track=first)
        ]

    assert run(0, [(0, 6)]) == run(0, [(0, 2), (2, 4)])
    assert run(0, [(0, 6)]) != run(1, [(0, 6)])


def test_a_car_that_stands_is_given_up() -> None:
    (result,) = drive_tracks(steady(0.0, throttle=0.0), CONTRACT, tracks=1, laps=1, seed=0)
    assert not result.finished
    assert not result.off_road
    assert result.driven_m == 0


def test_who_measured_his_car_goes_the_arcs_that_are_meant() -> None:
    """Without a measured car, or arcs that are meant, what is told is told."""
    contract = CONTRACT.model_copy(update={"actions": CONTRACT.actions.model_copy(update={"turns_rad_per_m": 2.3})})
    measured = {"wheelbase_m": (0.2, 0.01), "full_lock_deg": (25.0, 0.5), "steering_uneven": (0.1, 0.02)}
    decided = (np.zeros((1, 64, 64, 4), np.uint8), np.array([0]), None)
    for told, lock_deg in ((-0.5, 22.5), (0.5, 27.5)):
        assert as_measured(steady(told), CONTRACT, measured)(*decided).steering == told
        assert as_measured(steady(told), contract, {"latency_s": (0.1, 0.01)})(*decided).steering == told
        arc = as_measured(steady(told), contract, measured)(*decided)
        assert arc.steering == pytest.approx(told * np.arctan(2.3 * 0.2) / np.radians(lock_deg))
        assert arc.throttle == steady(told)(*decided).throttle


def test_paths_are_there_where_they_are_asked_for() -> None:
    without, with_paths = (
        drive_tracks(steady(0.0), CONTRACT, tracks=3, laps=1, seed=0, paths=paths) for paths in (False, True)
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
    summary = json.loads((left[-1] / "summary.json").read_text())
    assert {name: summary[name] for name in result} == result
    assert summary["command"].startswith("python manage.py evaluate --model ")
    assert 0 < summary["inference_ms"]["p50"] <= summary["inference_ms"]["p99"]
    assert summary["when"]
    with Image.open(left[-1] / "drive.gif") as gif:
        assert gif.n_frames > 1  # the shipped model may leave this road early


def test_who_needs_no_pictures_drives_the_same_without() -> None:
    seeing, blind = (
        drive_tracks(teacher(CONTRACT), CONTRACT, tracks=4, laps=1, seed=4, table=REAL, looks=looks)
        for looks in (True, False)
    )
    assert seeing == blind


def test_the_worlds_of_another_table_can_be_asked_for(manage, tmp_path: Path) -> None:
    arguments = ["evaluate", "--model", PRETRAINED, "--tracks", "4", "--laps", "1", "--drives", tmp_path, "--seed", "4"]
    arguments.append("--table")
    result = json.loads(manage(*arguments, "real", "--json").stdout)
    assert result["table"] == "real"
    assert result["teacher"]["finished"] == 3
    assert result["teacher"]["finished"] > result["int8"]["finished"]  # the shipped one knows one kind of road
    both = sum(
        by_policy["finished"] and by_teacher["finished"]
        for by_policy, by_teacher in zip(result["int8"]["results"], result["teacher"]["results"], strict=True)
    )
    table = " ".join(manage(*arguments, "real").stdout.split())
    assert "4 unseen tracks, table real, 1 lap each" in table
    assert f"of the 3 that the teacher finishes, int8 finishes {both}" in table
    assert_one_line(manage(*arguments, "raal"), "there is no table 'raal'", "evaluation")


def test_a_constant_throttle_is_driven_by_all_three(manage, tmp_path: Path) -> None:
    arguments = ["evaluate", "--model", PRETRAINED, "--tracks", "3", "--laps", "1", "--drives", tmp_path, "--json"]
    slow, fast = (
        json.loads(manage(*arguments, "--constant-throttle", throttle).stdout) for throttle in ("0.12", "0.18")
    )
    assert (slow["constant_throttle"], fast["constant_throttle"]) == (0.12, 0.18)
    for driver in ("int8", "float32", "teacher"):
        assert slow[driver]["lap_s"] / fast[driver]["lap_s"] == pytest.approx(1.5, rel=0.1)
    assert_one_line(manage("evaluate", "--tub", tmp_path, "--constant-throttle", "0.1"), "drives", "looks on")


def test_given_tracks_are_driven_in_the_looks_of_the_table_and_told_by_name(manage, tmp_path: Path) -> None:
    folder = tmp_path / "tracks"
    folder.mkdir()
    write(folder / "ring.csv", "x,y", ellipse())
    write(folder / "eight.csv", "x,y", eight(200, a_m=4.0, b_m=2.5))
    arguments = ["evaluate", "--track", folder, "--tracks", "2", "--laps", "1", "--drives", tmp_path / "drives"]
    assert_one_line(manage(*arguments), "eight.csv crosses itself after its lines", "add --crossings")
    result = json.loads(manage(*arguments, "--crossings", "--json").stdout)
    assert list(result["by_track"]) == ["eight", "ring"]
    for one in result["by_track"].values():
        assert (one["cars"], one["finished"]["teacher"]) == (2, 2)
        assert set(one["finished"]) == {"int8", "float", "teacher"}
    assert result["by_track"]["ring"]["length_m"] == pytest.approx(15.9, abs=0.1)
    driven_m = [car["driven_m"] for car in result["teacher"]["results"]]
    assert all(one > 25 for one in driven_m[:2])
    assert all(15 < one < 17 for one in driven_m[2:])
    table = manage(*arguments, "--crossings").stdout
    for words in ("2 given tracks, 4 cars", "eight", "ring", "27.", "2 of 2"):
        assert words in table
    (left, _) = sorted((tmp_path / "drives").iterdir())
    assert "by_track" in json.loads((left / "summary.json").read_text())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--track", "FOLDER"], ["has no .csv file in it"]),
        (["--track", "FOLDER/none.csv"], ["cannot read", "none.csv", "No such file"]),
        (["--crossings"], ["--crossings is about a --track"]),
        (["--track", "FOLDER", "--tub", "FOLDER"], ["give one of them"]),
    ],
)
def test_tracks_that_are_none_are_one_line(manage, tmp_path: Path, more: list[str], words: list[str]) -> None:
    assert_one_line(manage("evaluate", *(one.replace("FOLDER", str(tmp_path)) for one in more)), *words)


def test_there_is_time_for_the_longest_track() -> None:
    """As long as Thunderhill, 353 m: the bound on steps grows with the track."""
    t = np.linspace(0, 2 * np.pi, 7060, endpoint=False)
    ring = CentreLine("ring", 353 / (2 * np.pi) * np.stack([np.cos(t), np.sin(t)], axis=1))
    (result,) = drive_tracks(teacher(CONTRACT), CONTRACT, tracks=1, laps=1, seed=0, centre_lines=[ring])
    assert result.finished
    assert 353 / 1.6 < result.lap_s < 353
