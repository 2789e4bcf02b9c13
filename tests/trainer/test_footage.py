import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.contract import Contract
from models.footage import Clip, score_clip
from models.pictures import CYAN, YELLOW
from storage.tub import Tub
from tests.conftest import PRETRAINED, assert_one_line
from tests.storage.test_tub import line, write_tub
from trainer.footage import GREEN, RED, WIDTH, draw_clip, name_tubs


def test_a_folder_of_tubs_gives_a_table_and_a_picture_each(manage, driven_tub: Path, tmp_path: Path) -> None:
    shutil.copytree(driven_tub, tmp_path / "tubs" / "whole")
    shutil.copytree(driven_tub, tmp_path / "tubs" / "torn")
    (tmp_path / "tubs" / "torn" / "images" / "5_cam_image_array_.jpg").unlink()
    arguments = ["evaluate", "--model", PRETRAINED, "--tub", tmp_path / "tubs", "--reports", tmp_path / "reports"]
    process = manage(*arguments)
    assert process.returncode == 0, process.stderr
    for words in ("whole", "mean", "torn: left out 0 records without a human angle, 1 without a readable image"):
        assert words in process.stdout
    assert sorted(file.name for file in (tmp_path / "reports").iterdir()) == ["torn.png", "whole.png"]
    assert cv2.imread(str(tmp_path / "reports" / "whole.png")).shape[1] == WIDTH

    result = json.loads(manage(*arguments, "--tub", driven_tub, "--json").stdout)
    assert set(result["clips"]) == {"torn", "whole", "driven"}
    assert result["clips"]["torn"]["broken"] == 1
    scores = [clip["score"] for clip in result["clips"].values()]
    assert result["mean"]["score"] == pytest.approx(np.mean(scores))
    assert result["clips"]["whole"]["score"] == result["clips"]["driven"]["score"] > 0.5


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (shutil.rmtree, ["is no folder"]),
        (lambda tub: (tub / "manifest.json").unlink(), ["holds no donkeycar tub"]),
        (lambda tub: (tub / "catalog_0.catalog").write_text('{"_index": 0, "_ti'), ["line 1 is cut short"]),
        (lambda tub: (tub / "catalog_0.catalog").write_text(""), ["0 records"]),
        (lambda tub: [file.unlink() for file in (tub / "images").iterdir()], ["none of its 30 images"]),
        (lambda tub: (tub / "manifest.json").rename(tub / "meta.json"), ["Tub v1"]),
        (lambda tub: (tub / "catalog_0.catalog").write_text(json.dumps(line(0))), ["no stretch of 1 s"]),
    ],
)
def test_a_tub_that_cannot_be_measured_is_one_line_that_names_it(manage, tmp_path: Path, spoil, words) -> None:
    tub = write_tub(tmp_path / "spoilt", [line(index) for index in range(30)])
    spoil(tub)
    process = manage("evaluate", "--tub", tub, "--reports", tmp_path / "reports", "--json")
    assert_one_line(process, str(tub), *words)
    assert not (tmp_path / "reports").exists()


def test_tubs_of_one_name_are_told_apart_and_one_given_twice_counts_once(tmp_path: Path) -> None:
    one, other, third = (
        Tub(write_tub(tmp_path / name, [line(0)], images=False)) for name in ("a/data", "b/data", "b/more")
    )
    assert name_tubs([one]) == {"data": one}
    assert set(name_tubs([one, other, third])) == {"a-data", "b-data", "b-more"}
    assert set(name_tubs([one, Tub(tmp_path / "b" / ".." / "a" / "data")])) == {"data"}


def colours(picture: np.ndarray) -> dict[tuple[int, int, int], int]:
    return {colour: int((picture == colour).all(axis=2).sum()) for colour in (CYAN, YELLOW, GREEN, RED)}


def test_a_clips_picture_shows_both_curves_and_the_moments(driven_tub: Path) -> None:
    tub = Tub(driven_tub)
    human = np.array([record.angle for record in tub.records])
    spec = Contract().observation
    wrong = Clip(tub, tub.records, human, steering=-human, mirrored=human, without_angle=0, broken=0)
    right = Clip(tub, tub.records, human, steering=human, mirrored=-human, without_angle=0, broken=0)
    against, like = (draw_clip("driven", clip, score_clip(clip), spec) for clip in (wrong, right))
    assert against.shape == like.shape  # one row of curves, and one of four moments: best, or worst
    assert against.shape[1:] == (WIDTH, 3)
    assert colours(against)[CYAN] > 500
    assert colours(against)[YELLOW] > 500
    assert colours(against)[RED] > 4 * 100 > colours(against)[GREEN]
    assert colours(like)[GREEN] > 4 * 100 > colours(like)[RED]


def test_a_policy_that_never_steers_has_no_moments_but_a_picture(driven_tub: Path) -> None:
    tub = Tub(driven_tub)
    still = np.zeros(len(tub.records))
    human = np.array([record.angle for record in tub.records])
    clip = Clip(tub, tub.records, human, still, still, without_angle=0, broken=0)
    assert draw_clip("driven", clip, score_clip(clip), Contract().observation).shape == (64 + 150, WIDTH, 3)
