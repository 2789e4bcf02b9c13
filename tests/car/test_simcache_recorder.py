from pathlib import Path

import numpy as np
import pytest

from car.simcache_recorder import SimCacheRecorder
from car.simulated import SimulatedCar
from models.contract import Contract
from models.experience import ALIVE
from models.observation import grey_view
from settings import Settings, SimCacheSettings
from storage.simcache import Transitions, decode

CONTRACT = Contract()
PERIOD_NS = 50_000_000


class Drive:
    """A car's loop, as far as the recorder is concerned."""

    def __init__(self, folder: Path, *, judged: bool, size: int = 300) -> None:
        self.car = SimulatedCar(CONTRACT.observation, seed=3)
        settings = Settings(simcache=SimCacheSettings(size=size))
        self.recorder = SimCacheRecorder(
            CONTRACT, settings, folder, source="a test", judge=self.car if judged else None
        )
        self.folder, self.now_ns = folder / "simcache", 0
        self.views: list[np.ndarray] = []

    def steps(
        self, count: int, steering: float = 0.0, *, recording: bool = True, mode: str = "user", throttle: float = 0.2
    ) -> tuple[bool, int, str]:
        for _ in range(count):
            frame = self.car.advance()
            self.views.append(grey_view(frame, CONTRACT.observation))
            self.now_ns += PERIOD_NS
            self.car.command = steering, throttle
            told = self.recorder.run(
                recording, frame, None, None, mode, None, None, None, None, steering, throttle, self.now_ns, 0, None
            )
        return told

    def files(self) -> list[Transitions]:
        self.recorder.shutdown()
        return [decode(path.read_bytes(), path.name) for path in sorted(self.folder.glob("*.npz"))]


def test_a_person_drives_the_simulated_car_and_what_came_of_it_is_known(tmp_path: Path) -> None:
    """Until it leaves the road: its last picture is of there, and the next episode begins where it was put back."""
    drive = Drive(tmp_path, judged=True)
    while not drive.car.off_roads:
        told = drive.steps(1, steering=0.9)
    steps = len(drive.views) - 1
    assert told == (True, steps, "")
    drive.steps(10)
    (file,) = drive.files()
    assert len(file) == steps + 10
    assert file.facts.rewards == "laplace of sim_bridge/reward.py"
    assert np.flatnonzero(file.terminated).tolist() == [steps - 1]
    assert file.reward[steps - 1] == 0
    assert (file.reward[: steps - 1] > 0).all()
    assert file.action[:steps].tolist() == [CONTRACT.actions.steering.index(1.0)] * steps
    assert file.infos["by_person"].all()
    assert abs(file.infos["offset_m"][steps - 1]) > abs(file.infos["offset_m"][steps])
    for step in range(steps):
        np.testing.assert_array_equal(file.views[file.at[step]], drive.views[step])
    gone, back = file.views[file.at[steps - 1] + 1], file.views[file.at[steps]]
    np.testing.assert_array_equal(back, drive.views[steps])
    assert np.abs(gone.astype(int) - back).mean() > 1


def test_where_nobody_judges_a_driver_who_takes_over_and_a_gap_cost_one(tmp_path: Path) -> None:
    drive = Drive(tmp_path, judged=False)
    drive.steps(5, mode="local")
    drive.steps(5, mode="user")
    drive.now_ns += 10**9  # no picture for a second
    drive.steps(5)
    drive.steps(5, recording=False)
    drive.steps(5)
    drive.steps(5, throttle=0.0)
    (file,) = drive.files()
    assert file.facts.rewards == ALIVE
    assert np.flatnonzero(file.reward < 0).tolist() == np.flatnonzero(file.terminated).tolist() == [4, 8]
    assert len(file) == 4 + 5 + 4 + 5
    assert np.flatnonzero(file.truncated).tolist() == [12, 17]


def test_a_faster_camera_gives_a_picture_each_control_period(tmp_path: Path) -> None:
    drive = Drive(tmp_path, judged=False)
    frame = drive.car.advance()
    for number in range(31):
        told = drive.recorder.run(
            True, frame, None, None, "user", None, None, None, None, 0.0, 0.2, number * PERIOD_NS // 3, 0, None
        )
    assert told == (True, 10, "")


def test_the_pads_button_takes_back_what_is_in_no_file_yet(tmp_path: Path) -> None:
    drive = Drive(tmp_path, judged=True, size=20)
    drive.steps(31)  # 30 transitions, 20 of them in a file
    drive.recorder.delete_last_n_records(100)
    assert drive.steps(1)[1] == 20
    drive.steps(3)
    assert [len(file) for file in drive.files()] == [20, 3]


def test_without_a_bucket_the_drive_goes_on_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    settings = Settings(
        simcache=SimCacheSettings(size=10, place="s3://nobody/there"), s3={"endpoint": "http://127.0.0.1:9"}
    )
    drive = Drive(tmp_path, judged=True)
    drive.recorder = SimCacheRecorder(CONTRACT, settings, tmp_path, source="a test", judge=drive.car)
    drive.steps(25)
    drive.recorder.shutdown()
    assert len(list((tmp_path / "queue").rglob("*.npz"))) == 3
    said = capsys.readouterr().err
    assert "recorded 24 transitions in s3://nobody/there; files wait in" in said
    assert "cannot be reached" in said
