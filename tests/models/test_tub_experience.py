from pathlib import Path

import numpy as np
import pytest

from models.contract import Contract
from models.experience import ALIVE
from models.observation import grey_view
from models.tub_experience import export_tub, frame_of, import_tub
from storage.simcache import SimCacheError, Transitions
from storage.tub import Tub
from tests.storage.test_tub import line, write_tub

CONTRACT = Contract()


def imported(path: Path, left_out: int = 0, contract: Contract = CONTRACT) -> list[Transitions]:
    files: list[Transitions] = []
    tub = Tub(path)
    assert import_tub(tub, tub.records, contract, 300, "test", files.append) == left_out
    return files


def test_a_recording_is_what_was_seen_and_done(driven_tub: Path) -> None:
    (file,) = imported(driven_tub)
    tub = Tub(driven_tub)
    assert len(file) == 199
    assert file.facts.rewards == ALIVE
    assert file.facts.source == "tub driven"
    np.testing.assert_array_equal(file.views[7], grey_view(tub.image(tub.records[7]), CONTRACT.observation))
    assert file.infos["steering"][7] == pytest.approx(tub.records[7].angle)
    decoded = [CONTRACT.actions.decode(action)[0] for action in file.action.tolist()]
    assert decoded == pytest.approx([record.angle for record in tub.records[:199]])  # its driver kept to the table
    assert file.reward.tolist() == [1.0] * 199
    assert not file.terminated.any()
    assert file.truncated.tolist() == [False] * 198 + [True]


def test_cuts_and_changes_of_mode_end_an_episode_with_minus_one(tmp_path: Path) -> None:
    lines = [line(index) for index in range(20)]
    for one in lines[5:]:
        one["_timestamp_ms"] += 2000
    for one in lines[10:]:
        one["_session_id"] = "26-11-22_1"
    for one in lines[15:]:
        one |= {"user/mode": "local", "pilot/angle": 0.9, "pilot/throttle": 0.2}
    (file,) = imported(write_tub(tmp_path / "tub", lines))
    ends = np.flatnonzero(file.terminated)
    assert ends.tolist() == [3, 7, 12]  # after 4 + 4 + 5 of 20 pictures: one leads nowhere at each cut
    assert file.reward[ends].tolist() == [-1, -1, -1]
    assert (np.delete(file.reward, ends) == 1).all()
    assert file.action.tolist() == [4] * 13 + [6] * 4
    assert file.infos["by_person"].tolist() == [1] * 13 + [0] * 4


def test_what_the_car_was_told_counts_more_than_who_wished_what(tmp_path: Path) -> None:
    told = {"car/angle": -0.6, "car/throttle": 0.15}
    (file,) = imported(write_tub(tmp_path / "tub", [line(index, **told) for index in range(5)]))
    assert file.action.tolist() == [1] * 4
    assert file.infos["throttle"].tolist() == pytest.approx([0.15] * 4)


def test_records_without_a_command_or_a_picture_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = [line(index) for index in range(12)]
    lines[4] |= {"user/mode": "local"}  # and no word of the policy's
    tub = write_tub(tmp_path / "tub", lines)
    (tub / "images" / lines[8]["cam/image_array"]).write_bytes(b"broken")
    (file,) = imported(tub, left_out=2)
    assert len(file) == 3 + 5  # three before, five of the seven pictures after; one of those is missing
    for one in lines:
        one["user/throttle"] = 0.0
    with pytest.raises(SimCacheError, match="none of its 12 records is of a car that drives"):
        imported(write_tub(tmp_path / "standing", lines))


def test_there_and_back(driven_tub: Path, tmp_path: Path) -> None:
    """The view drawn into a frame is seen as that view again, nearly; commands are the same."""
    files = imported(driven_tub)
    assert export_tub(files, tmp_path / "tub") == 199
    (back,) = imported(tmp_path / "tub")
    before = files[0]
    assert len(back) == 198
    np.testing.assert_allclose(back.infos["steering"], before.infos["steering"][:198], atol=1e-6)
    assert back.action.tolist() == before.action[:198].tolist()
    away = np.abs(back.views.astype(int) - before.views[:199])
    assert away.mean() < 4  # of 255: JPEG, and a picture made larger and smaller again


OTHER = Contract(
    observation={"frame_width": 80, "frame_height": 60, "crop_top": 15, "size": 32, "period_s": 0.1},
    actions={"steering": (-0.5, 0.0, 0.5), "throttle": (0.1, 0.3)},
)


def test_there_and_back_by_another_contract(driven_tub: Path, tmp_path: Path) -> None:
    """Each file's own: its frames, its actions, its period."""
    (file,) = imported(driven_tub, contract=OTHER)
    assert file.views.shape == (100, 32, 32)
    assert set(file.action.tolist()) <= set(range(6))
    without = Transitions(**{**vars(file), "infos": {}})  # as a training's: the action alone tells the command
    assert export_tub([without], tmp_path / "tub") == 99
    tub = Tub(tmp_path / "tub")
    frame = tub.image(tub.records[50])
    assert frame.shape == (60, 80, 3)
    assert frame[:10].max() < 10  # the crop, but for JPEG's blocks
    assert frame[15:].mean() > 20
    assert tub.records[50].timestamp_ms - tub.records[49].timestamp_ms == pytest.approx(100, abs=1)
    assert tub.records[50].command == OTHER.actions.decode(int(file.action[50]))


def test_actions_of_other_tables_go_into_one_tub_and_frames_of_other_sizes_into_none(
    driven_tub: Path, tmp_path: Path
) -> None:
    (ours,), (other,) = imported(driven_tub), imported(driven_tub, contract=OTHER)
    (levels,) = imported(driven_tub, contract=Contract(actions={"throttle": (0.2, 0.4, 0.6)}))
    bare = [Transitions(**{**vars(file), "infos": {}}) for file in (ours, levels)]
    assert export_tub(bare, tmp_path / "tub") == 398
    angles = [record.angle for record in Tub(tmp_path / "tub").records]
    assert angles[:199] == angles[199:]
    with pytest.raises(SimCacheError, match="test is of frames of 80 x 60, and what was read before it of 160 x 120"):
        export_tub([ours, other], tmp_path / "mixed")
    lying = Transitions(**{**vars(ours), "facts": ours.facts.model_copy(update={"actions": {"steering": [9]}})})
    with pytest.raises(SimCacheError, match="test tells of no contract"):
        export_tub([lying], tmp_path / "mixed")
    assert [path.name for path in tmp_path.iterdir()] == ["tub"]


def test_a_frame_of_a_view_is_black_where_the_policy_does_not_look(rng: np.random.Generator) -> None:
    spec = CONTRACT.observation
    frame = frame_of(np.full((spec.size, spec.size), 200, np.uint8), spec)
    assert frame.shape == (120, 160)
    assert not frame[: spec.crop_top].any()
    assert (frame[spec.crop_top :] == 200).all()
