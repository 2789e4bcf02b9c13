"""Against a fake capture with cv2.VideoCapture's interface, and OpenCV's own on a video file: no V4L2 device here."""

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from car import usb_camera
from car.camera import CameraError
from car.usb_camera import UsbCamera
from models.contract import Contract
from settings import CameraSettings

SPEC = Contract().observation
SETTINGS = CameraSettings(rate_hz=30)


class FakeCapture:
    """A webcam with one mode, whatever it is asked for."""

    def __init__(self, size=(640, 480), rate_hz=30.0, frames=10**9, period_s=0.005, raises: Exception | None = None):
        self.size, self.rate_hz, self.frames, self.period_s, self.raises = size, rate_hz, frames, period_s, raises
        self.read_frames, self.opened, self.set_to = 0, True, {}
        self.hanging = threading.Event()
        self.hanging.set()

    def isOpened(self) -> bool:
        return self.opened

    def set(self, key: int, value: float) -> bool:
        self.set_to[key] = value
        return False

    def get(self, key: int) -> float:
        known = {
            cv2.CAP_PROP_FRAME_WIDTH: self.size[0],
            cv2.CAP_PROP_FRAME_HEIGHT: self.size[1],
            cv2.CAP_PROP_FPS: self.rate_hz,
        }
        return float(known[key])

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(self.period_s)
        self.hanging.wait()
        if self.read_frames >= self.frames:
            if self.raises:
                raise self.raises
            return False, None
        self.read_frames += 1
        picture = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        picture[:, : self.size[0] // 2] = (0, 0, 255)  # the left half red, in OpenCV's order
        picture[self.size[1] // 2 :, :, 1] = self.read_frames % 256
        return True, picture

    def release(self) -> None:
        self.opened = False


def camera(capture: FakeCapture, settings: CameraSettings = SETTINGS) -> UsbCamera:
    return UsbCamera(SPEC, settings, 2, open_capture=lambda number: capture)


def take(part: UsbCamera, frames: int) -> None:
    for _ in range(frames):
        assert part.run()[0].shape == (120, 160)


def test_frames_are_luma_in_the_contracts_size_and_newer_each_time() -> None:
    capture = FakeCapture()
    part = camera(capture)
    frames = [part.run() for _ in range(10)]
    part.shutdown()
    assert not capture.opened
    assert all((frame.shape, frame.dtype) == ((120, 160), np.uint8) for frame, _, _ in frames)
    assert frames[0][0][10, 10] == 76  # red's luma by BT.601: 0.299 * 255
    assert frames[0][0][10, 150] == 0
    assert np.diff([t_capture_ns for _, t_capture_ns, _ in frames]).min() > 0
    assert np.diff([sequence for _, _, sequence in frames]).min() > 0
    assert 0 <= time.monotonic_ns() - frames[-1][1] < 10e9
    assert part.granted.differs == ()


def test_a_late_loop_gets_the_newest_frame_and_the_lost_ones_are_counted() -> None:
    part = camera(FakeCapture())
    _, _, first = part.run()
    time.sleep(0.1)
    _, _, second = part.run()
    part.shutdown()
    assert second - first >= 5
    assert part.overruns >= second - first - 1


def test_what_was_not_granted_is_said_plainly() -> None:
    part = camera(FakeCapture(size=(352, 288), rate_hz=15.0))
    part.shutdown()
    said = " | ".join(part.granted.differs)
    for words in ("352 x 288, not the 640 x 480", "squeezed into 160 x 120", "15 frames/s, not the 30"):
        assert words in said


def test_unplugging_is_an_error() -> None:
    part = camera(FakeCapture(frames=5))
    with pytest.raises(CameraError, match="/dev/video2 gives no more frames; is it still plugged in"):
        take(part, 10)
    part.shutdown()


def test_an_exception_in_the_thread_surfaces() -> None:
    part = camera(FakeCapture(frames=5, raises=cv2.error("Unknown C++ exception")))
    with pytest.raises(CameraError, match=r"/dev/video2 failed: error: Unknown C\+\+ exception"):
        take(part, 10)
    part.shutdown()


def test_a_camera_that_hangs_in_the_driver_is_an_error_and_the_program_can_end(monkeypatch) -> None:
    monkeypatch.setattr(usb_camera, "STALL_S", 0.2)
    capture = FakeCapture()
    part = camera(capture)
    capture.hanging.clear()
    with pytest.raises(CameraError, match=r"no new frame for 0\.2 s"):
        take(part, 10)
    part.shutdown()
    assert capture.opened  # never released under the thread that reads it
    capture.hanging.set()


def test_no_device_is_one_line(monkeypatch) -> None:
    capture = FakeCapture()
    capture.opened = False
    with pytest.raises(CameraError, match="no camera answers at /dev/video2; plug it in"):
        camera(capture)
    with pytest.raises(CameraError, match="no camera answers at /dev/video99"):
        UsbCamera(SPEC, SETTINGS, 99)  # OpenCV's own V4L2


def test_settings_reach_the_device() -> None:
    capture = FakeCapture()
    part = camera(capture, CameraSettings(rate_hz=30, exposure_ms=8, gain=3, flip_horizontal=True))
    frame, _, _ = part.run()
    part.shutdown()
    assert capture.set_to[cv2.CAP_PROP_EXPOSURE] == 80
    assert capture.set_to[cv2.CAP_PROP_GAIN] == 3
    assert frame[10, 10] == 0  # mirrored
    assert frame[10, 150] == 76


def test_opencvs_own_capture_on_a_video_file(tmp_path: Path) -> None:
    """The real read, get and set, and the end of the file where a cable comes off."""
    file = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 30, (640, 480))
    for index in range(20):
        writer.write(np.full((480, 640, 3), 10 * index, np.uint8))
    writer.release()
    part = UsbCamera(SPEC, SETTINGS, 0, open_capture=lambda number: cv2.VideoCapture(str(file)))
    assert part.granted.differs == ()
    with pytest.raises(CameraError, match="no more frames"):
        take(part, 100)
    part.shutdown()
