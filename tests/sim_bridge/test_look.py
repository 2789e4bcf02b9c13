from pathlib import Path

import cv2
import numpy as np
import pytest

from models.contract import Contract
from models.observation import grey_view
from sim_bridge.distributions import TRAINING
from sim_bridge.look import COLUMNS, GAP, HEADING, ROWS
from sim_bridge.simulator import Simulator
from tests.conftest import assert_one_line
from tests.storage.test_tub import line, write_tub

SPEC = Contract().observation
HEIGHT = HEADING + ROWS * (120 + 128 + GAP)
WIDTH = COLUMNS * (160 + GAP) + GAP


def test_the_sheet_shows_frames_and_views_of_24_scenes(manage, tmp_path: Path) -> None:
    out = tmp_path / "look.png"
    process = manage("sim", "look", "--seed", "3", "--out", out)
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == str(out)
    sheet = cv2.imread(str(out))[..., ::-1]
    assert sheet.shape == (HEIGHT, WIDTH, 3)
    first = Simulator(1, TRAINING, 3, SPEC, rgb=True).frame(0)
    assert (sheet[HEADING : HEADING + 120, GAP : GAP + 160] == first).all()
    view = sheet[HEADING + 120 : HEADING + 248 : 2, GAP + 16 : GAP + 144 : 2, 0]
    assert (view == grey_view(first, SPEC)).all()
    lowest_right = sheet[HEIGHT - GAP - 248 : HEIGHT - GAP, WIDTH - GAP - 160 : WIDTH - GAP]
    assert np.ptp(lowest_right) > 50


def test_a_tubs_frames_stand_beside_it(manage, tmp_path: Path) -> None:
    tub = write_tub(tmp_path / "tub", [line(index) for index in range(5)])
    (tub / "images" / "1_cam_image_array_.jpg").unlink()
    process = manage("sim", "look", "--table", "wide", "--tub", tub, "--out", tmp_path / "look.png")
    assert process.returncode == 0, process.stderr
    sheet = cv2.imread(str(tmp_path / "look.png"))[..., ::-1]
    assert sheet.shape == (HEIGHT, 2 * WIDTH, 3)
    recorded = sheet[HEADING : HEADING + 120, WIDTH:]
    blue = (recorded[60].astype(int) - (10, 60, 230)).__abs__().max(axis=1) < 8
    assert blue.sum() == 4 * 160


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--table", "trainig"], ["no table 'trainig'", "training, evaluation, wide, real"]),
        (["--tub", "/nowhere"], ["/nowhere has no manifest.json"]),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(manage, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    assert_one_line(manage("sim", "look", *arguments, "--out", tmp_path / "look.png"), *words)
    assert list(tmp_path.iterdir()) == []


def test_a_tub_without_frames_is_one_line(manage, tmp_path: Path) -> None:
    dark = write_tub(tmp_path / "dark", [line(0)], images=False)
    empty = write_tub(tmp_path / "empty", [])
    assert_one_line(manage("sim", "look", "--tub", dark, "--out", tmp_path / "a.png"), "dark: none of the 1 images")
    assert_one_line(manage("sim", "look", "--tub", empty, "--out", tmp_path / "a.png"), "empty has no records")
