from pathlib import Path

import cv2
import numpy as np
import pytest

from car.tub_camera import LONGEST_WAIT_S, NoDrivetrain, TubCamera
from models.contract import Contract
from storage.tub import Tub, TubError
from tests.storage.test_tub import BLUE_SKY, line, write_tub

SPEC = Contract().observation


def all_frames(camera: TubCamera) -> list[tuple[np.ndarray, int, int]]:
    frames = []
    while not camera.ended:
        frames.append(camera.run())
    return frames


@pytest.mark.parametrize("realtime", [True, False])
def test_frames_come_at_the_recordings_pace(tmp_path: Path, realtime: bool) -> None:
    starts_ms = [0, 30, 60, 160, 210]
    lines = [line(index, _timestamp_ms=1795340170000 + start) for index, start in enumerate(starts_ms)]
    camera = TubCamera(Tub(write_tub(tmp_path / "tub", lines)), SPEC, realtime=realtime)
    frames = all_frames(camera)
    assert [sequence for _, _, sequence in frames] == [0, 1, 2, 3, 4]
    assert all(frame.shape == (120, 160, 3) for frame, _, _ in frames)
    assert np.abs(frames[0][0].astype(int) - BLUE_SKY).max() < 8  # RGB
    times_ns = [t_capture_ns for _, t_capture_ns, _ in frames]
    # Never early; how late depends on the machine. The first may have been woken late itself, hence the 10 ms.
    assert all(now - times_ns[0] >= 1e6 * start - 10e6 for now, start in zip(times_ns, starts_ms, strict=True))
    with pytest.raises(EOFError):
        camera.run()


def test_a_pause_is_shortened_and_a_clock_set_back_is_no_wait(tmp_path: Path) -> None:
    lines = [line(i, _timestamp_ms=1795340170000 + ms) for i, ms in enumerate([0, 86_400_000, 50, 100])]
    camera = TubCamera(Tub(write_tub(tmp_path / "tub", lines)), SPEC, realtime=False)
    times_s = [t_capture_ns / 1e9 for _, t_capture_ns, _ in all_frames(camera)]
    assert LONGEST_WAIT_S - 0.01 <= times_s[1] - times_s[0] < 1000
    assert 0 <= times_s[2] - times_s[1] < 1000
    assert times_s[3] - times_s[2] >= 0.04


def test_frames_that_cannot_be_read_are_skipped_and_told_at_the_end(tmp_path: Path) -> None:
    tub = write_tub(tmp_path / "tub", [line(i) for i in range(6)])
    for index in (0, 3, 5):
        (tub / "images" / f"{index}_cam_image_array_.jpg").write_bytes(b"")
    camera = TubCamera(Tub(tub), SPEC, realtime=False)
    assert camera.words() == "frame 0 of 6"
    assert len(all_frames(camera)) == 3
    assert camera.words() == "frame 3 of 6  3 unreadable"


def test_frames_of_another_size_are_fitted(tmp_path: Path) -> None:
    tub = write_tub(tmp_path / "tub", [line(0)])
    cv2.imwrite(str(tub / "images" / "0_cam_image_array_.jpg"), np.full((480, 640, 3), 99, np.uint8))
    (frame, _, _), *_ = all_frames(TubCamera(Tub(tub), SPEC, realtime=False))
    assert frame.shape == (120, 160, 3)


def test_a_tub_without_a_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TubError, match="empty has no records; name"):
        TubCamera(Tub(write_tub(tmp_path / "empty", [])), SPEC, realtime=False)
    with pytest.raises(TubError, match="none of its 2 images can be read"):
        TubCamera(Tub(write_tub(tmp_path / "dark", [line(0), line(1)], images=False)), SPEC, realtime=False)


def test_no_drivetrain_takes_commands_tells_the_time_and_arms_nobody() -> None:
    nothing = NoDrivetrain(lambda: 42)
    for armed, stop in ((True, False), (False, True), (False, False)):
        assert nothing.run(1.0, 1.0, 41, armed, stop) == (42, "", "", armed, stop)
