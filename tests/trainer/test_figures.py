"""The pictures are looked at by people; here: that they can be read, and that they show what they are given."""

import importlib.util

import cv2
import numpy as np
import pytest

from models.contract import Contract
from tests.trainer.drivers import steady
from trainer.evaluation import drive_tracks, teacher

if importlib.util.find_spec("matplotlib") is None:
    pytest.skip("Matplotlib is not installed: type `make install-dev`", allow_module_level=True)
from trainer.figures import comparison, report

FROM_RECORDINGS = [{"elapsed_s": 60.0, "finished_share": 0.5, "mean_offset_m": 0.1}]  # no episodes, so no returns
CURVE = [
    {"elapsed_s": 60.0 * minute, "episode_return": 10.0 * minute}
    | ({"finished_share": minute / 4, "mean_offset_m": 0.1 / (1 + minute)} if minute % 2 else {})
    for minute in range(5)
]


def pixels(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)


def red_crosses(picture: np.ndarray) -> int:
    return int((picture == (255, 0, 0)).all(axis=2).sum())


def test_the_report_marks_the_cars_that_did_not_finish() -> None:
    contract = Contract()

    seeing = drive_tracks(teacher(contract), contract, tracks=3, laps=1, seed=0, paths=True)
    blind = drive_tracks(steady(0.0), contract, tracks=12, laps=1, seed=0, paths=True)
    assert red_crosses(pixels(report("seeing", CURVE, seeing))) == 0
    one, all_of_them = pixels(report("mixed", CURVE, [*seeing, *blind[:1]])), pixels(report("blind", CURVE, blind))
    assert 0 < red_crosses(one) * 8 < red_crosses(all_of_them)
    assert all_of_them.shape[0] > one.shape[0]  # a second row


def test_where_there_are_no_returns_the_loss_is_drawn() -> None:
    losses = [{"elapsed_s": 60.0 * minute, "loss": 1.0 / (1 + minute)} for minute in range(5)]
    results = drive_tracks(steady(0.0), Contract(), tracks=1, laps=1, seed=0, paths=True)
    with_losses, without = (pixels(report("run", metrics, results)) for metrics in (losses, []))
    assert (with_losses != without).any(axis=2).sum() > 300  # pixels of a curve


def test_runs_are_compared_also_before_their_first_evaluation() -> None:
    picture = pixels(comparison({"one": CURVE, "two": CURVE[:1], "three": [], "four": FROM_RECORDINGS}))
    assert picture.shape[1] > 1000
