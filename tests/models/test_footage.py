import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.contract import Contract
from models.folder import load_model
from models.footage import fit, score_clip, steer_through
from models.score import ScoreError
from settings import PROJECT
from storage.tub import Tub, TubError, find_tubs
from tests.conftest import PRETRAINED
from tests.storage.test_tub import line, write_tub

FOOTAGE = PROJECT.parent / "shared" / "footage"  # real clips; beside the project, never part of it
CONTRACT = Contract()


class Watcher:
    """A policy that keeps what it is shown; it steers full right and full left in turn."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def advantages(self, observation: np.ndarray) -> np.ndarray:
        self.seen.append(observation)
        advantages = np.zeros(7, np.float32)
        # Two passes, frame by frame: each pass is shown every other observation.
        advantages[6 if len(self.seen) // 2 % 2 else 0] = 1
        return advantages


def paint(tub: Path, frames: list[np.ndarray]) -> Path:
    """Overwrite the images: RGB uint8 (h, w, 3) each."""
    for index, frame in enumerate(frames):
        cv2.imwrite(str(tub / "images" / f"{index}_cam_image_array_.jpg"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return tub


def flat(level: int) -> np.ndarray:
    return np.full((120, 160, 3), level, np.uint8)


def test_a_policy_that_drives_steers_as_the_one_who_sees_the_track(driven_tub: Path) -> None:
    ticks = []
    clip = steer_through(load_model(PRETRAINED).policy, CONTRACT, Tub(driven_tub), tick=lambda: ticks.append(1))
    assert len(ticks) == len(clip.records) == len(clip.human) == len(clip.steering) == len(clip.mirrored) == 200
    result = score_clip(clip)
    assert result.score.score > 0.5
    assert result.score.pieces == 1
    assert result.mirror_consistency > 0.5
    assert result.sign_agreement > 0.7
    assert (result.without_angle, result.broken) == (0, 0)
    values = json.loads(json.dumps(result.as_json()))
    assert values["tub"] == str(driven_tub)
    assert values["score"] == result.score.score
    assert values["lag_s"] == [lag * 0.05 for lag in values["lag_frames"]]


def test_records_without_angle_or_image_are_left_out_and_counted(tmp_path: Path) -> None:
    tub = write_tub(tmp_path / "tub", [line(i, **({"user/angle": None} if i in (3, 4) else {})) for i in range(40)])
    (tub / "images" / "7_cam_image_array_.jpg").unlink()
    (tub / "images" / "8_cam_image_array_.jpg").write_bytes(b"\xff\xd8\xff")
    (tub / "images" / "4_cam_image_array_.jpg").unlink()  # neither: counted as broken
    clip = steer_through(Watcher(), CONTRACT, Tub(tub))
    assert [record.index for record in clip.records] == [i for i in range(40) if i not in (3, 4, 7, 8)]
    assert (clip.without_angle, clip.broken) == (1, 3)
    assert score_clip(clip).broken == 3


def test_no_stack_and_no_command_crosses_a_cut(tmp_path: Path) -> None:
    """30 frames each: a new session, then a pause. What is seen right after a cut is that frame alone."""
    lines = [
        line(i, _session_id="one" if i < 30 else "two")
        | {"_timestamp_ms": 1795340170000 + 50 * i + (2000 if i >= 60 else 0)}
        for i in range(90)
    ]
    levels = [2 * i for i in range(90)]
    tub = Tub(paint(write_tub(tmp_path / "tub", lines), [flat(level) for level in levels]))
    watcher = Watcher()
    steer_through(watcher, CONTRACT, tub)
    assert len(watcher.seen) == 2 * 90
    stacks = [observation[0, 0].astype(int) for observation in watcher.seen[::2]]
    for i, stack in enumerate(stacks):
        since_cut = i % 30
        expected = [levels[i - min(back, since_cut)] for back in (3, 2, 1, 0)]
        assert stack == pytest.approx(expected, abs=1), i


def test_where_nothing_is_to_move_each_frame_fills_the_stack(tmp_path: Path) -> None:
    levels = [4 * i for i in range(40)]
    lines = [line(i, _timestamp_ms=1795340170000 + 50 * i) for i in range(40)]
    watcher = Watcher()
    steer_through(
        watcher, CONTRACT, Tub(paint(write_tub(tmp_path / "tub", lines), [flat(level) for level in levels])), still=True
    )
    for level, observation in zip(levels, watcher.seen[::2], strict=True):
        assert observation[0, 0].astype(int) == pytest.approx([level] * 4, abs=1)


def test_between_control_periods_the_command_is_held(tmp_path: Path) -> None:
    """60 frames a second, 20 decisions."""
    lines = [line(i, _timestamp_ms=1795340170000 + round(1000 * i / 60)) for i in range(120)]
    watcher = Watcher()
    clip = steer_through(watcher, CONTRACT, Tub(write_tub(tmp_path / "tub", lines)))
    assert len(watcher.seen) == pytest.approx(2 * 40, abs=2)
    changes = np.flatnonzero(np.diff(clip.steering)) + 1
    assert all(after - before == 3 for before, after in pairwise(changes))
    assert set(clip.steering) == {-1.0, 1.0}


def test_the_mirror_pass_sees_mirrored_frames_of_any_size(tmp_path: Path, rng: np.random.Generator) -> None:
    small = [rng.integers(0, 255, (6, 8, 3), np.uint8) for _ in range(30)]
    large = [cv2.resize(one, (320, 240), interpolation=cv2.INTER_CUBIC) for one in small]
    watcher = Watcher()
    steer_through(
        watcher, CONTRACT, Tub(paint(write_tub(tmp_path / "tub", [line(i) for i in range(30)], images=False), large))
    )
    for seen, mirrored in zip(watcher.seen[::2], watcher.seen[1::2], strict=True):
        assert np.abs(seen.astype(int) - mirrored[:, ::-1]).max() <= 1
    assert fit(large[0], CONTRACT.observation).shape == (120, 160, 3)


def test_clips_that_cannot_be_scored_are_named(tmp_path: Path) -> None:
    nobody = write_tub(tmp_path / "nobody", [line(i, **{"user/angle": None}) for i in range(30)])
    with pytest.raises(ScoreError, match=r"nobody: none of its 30 records has a human angle.*; name"):
        steer_through(Watcher(), CONTRACT, Tub(nobody))
    with pytest.raises(ScoreError, match=r"empty: none of its 0 records"):
        steer_through(Watcher(), CONTRACT, Tub(write_tub(tmp_path / "empty", [])))
    with pytest.raises(TubError, match=r"dark: none of its 30 images"):
        steer_through(
            Watcher(), CONTRACT, Tub(write_tub(tmp_path / "dark", [line(i) for i in range(30)], images=False))
        )
    short = steer_through(Watcher(), CONTRACT, Tub(write_tub(tmp_path / "short", [line(i) for i in range(10)])))
    with pytest.raises(ScoreError, match=r"short: the recording has no stretch of 1 s"):
        score_clip(short)


@pytest.mark.skipif(not FOOTAGE.is_dir(), reason=f"no real footage at {FOOTAGE}: it is not part of the project")
def test_the_shipped_policy_can_be_measured_on_real_clips() -> None:
    model = load_model(PRETRAINED)
    for path in find_tubs(FOOTAGE):
        result = score_clip(steer_through(model.policy, model.contract, Tub(path)))
        assert result.score.records == 800
        assert -1 <= result.score.score <= 1
        assert (result.without_angle, result.broken) == (0, 0)
