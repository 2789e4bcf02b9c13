"""Against a fake Picamera2 (fake_picamera2.py): libcamera runs on a Raspberry Pi only."""

import itertools
import time

import numpy as np
import pytest

from car import pi_camera
from car.camera import CameraError, RealPlace
from car.pi_camera import PiCamera
from car.sensor_mode import SensorMode, choose_mode, choose_rate_hz
from models.contract import Contract
from models.observation import grey_view
from settings import CameraSettings
from tests.car.fake_picamera2 import (
    IMX219_MODES,
    ColorSpace,
    Oddities,
    Range,
    YcbcrEncoding,
    install,
    scene,
    sequence_in,
)

SPEC = Contract().observation
FAST = CameraSettings(rate_hz=200)
ODD_MODE = {"size": (640, 480), "bit_depth": 10, "fps": 200.0, "crop_limits": (0, 0, 3280, 2464), "format": "S"}


@pytest.fixture
def camera(monkeypatch):
    """Make a PiCamera on a fake with these oddities; closed at the end."""
    made = []

    def make(settings: CameraSettings = FAST, **oddities) -> PiCamera:
        made.append(install(monkeypatch, Oddities(**({"modes": [ODD_MODE]} | oddities))))
        return PiCamera(SPEC, settings)

    yield make
    for fake in made:
        for one in fake.opened:
            one._running = False


def take(part: PiCamera, frames: int) -> None:
    for _ in range(frames):
        part.run()


def test_the_luma_plane_is_the_picture_without_its_padding(camera) -> None:
    part = camera()
    frame, _, _ = part.run()
    assert part._camera.config["main"]["stride"] == 192
    assert (frame.shape, frame.dtype) == ((120, 160), np.uint8)
    assert np.array_equal(frame, scene(sequence_in(frame), 120, 160))
    assert frame.flags.c_contiguous
    assert grey_view(frame, SPEC).shape == (64, 64)
    assert part.granted.differs == ()


def test_limited_range_is_stretched_within_a_grey_level(camera) -> None:
    part = camera(colour_space=ColorSpace.Smpte170m())
    frame, _, _ = part.run()
    expected = scene(sequence_in(frame), 120, 160).astype(int)
    assert np.abs(frame - expected).max() <= 1
    assert (frame.min(), frame.max()) == (0, 255)
    assert "limited to 16..235" in part.granted.differs[0]


def test_full_range_is_asked_for(camera) -> None:
    config = camera()._camera.config
    assert (config["colour_space"].range, config["colour_space"].ycbcrEncoding) == (Range.Full, YcbcrEncoding.Rec601)
    assert config["main"]["format"] == "YUV420"


def test_whatever_else_was_granted_is_said(camera) -> None:
    part = camera(size=(192, 144), colour_space=ColorSpace.Rec709(), rate_hz=50.0)
    assert part.run()[0].shape == (120, 160)
    said = " | ".join(part.granted.differs)
    for words in ("192 x 144", "resized to 160 x 120", "16..235", "otherwise than BT.601", "50.0 frames/s, not 200.0"):
        assert words in said
    assert part.granted.words() == (
        "imx219, 192 x 144 at 50 Hz, sensor mode 640 x 480, seeing 3280 x 2460 of 3280 x 2464"
    )


def test_a_picture_that_is_not_yuv_is_refused(camera) -> None:
    """Picamera2's "RGB888" has blue first in memory; here no format but YUV420 is ever taken for a picture."""
    with pytest.raises(CameraError, match="gives RGB888"):
        camera(format="RGB888")


def test_every_frame_is_newer_than_the_last(camera) -> None:
    part = camera(repeats_every=3)
    frames = [part.run() for _ in range(12)]
    times_ns = [t_capture_ns for _, t_capture_ns, _ in frames]
    assert np.diff(times_ns).min() > 0
    assert np.diff([sequence for _, _, sequence in frames]).min() > 0
    assert len({sequence_in(frame) for frame, _, _ in frames}) == 12


def test_the_time_stamp_is_the_sensors(camera) -> None:
    part = camera(clock_offset_ns=-40_000_000)  # this sensor's frames take 40 ms to arrive
    _, t_capture_ns, _ = part.run()
    assert time.monotonic_ns() - t_capture_ns >= 40_000_000


def test_a_loop_that_is_late_gets_the_newest_frame_and_the_lost_ones_are_counted(camera) -> None:
    part = camera(CameraSettings(rate_hz=100))
    part.run()
    time.sleep(0.1)
    frame, t_capture_ns, sequence = part.run()
    assert sequence >= 5
    assert part.overruns == sequence - 1
    assert time.monotonic_ns() - t_capture_ns < 0.08e9  # not the first of those that waited
    following, _, _ = part.run()
    assert (sequence_in(following) - sequence_in(frame)) % 256 >= 1


def test_a_stall_is_an_error_in_time_and_the_program_can_end(camera, monkeypatch) -> None:
    monkeypatch.setattr(pi_camera, "STALL_S", 0.2)
    part = camera(stalls_after=5)
    with pytest.raises(CameraError, match=r"no new frame for 0\.2 s; check its ribbon cable"):
        take(part, 10)
    assert part._camera._jobs == []
    part.shutdown()
    assert not part._camera.is_open


def test_a_camera_that_repeats_its_frame_for_ever_has_stalled(camera, monkeypatch) -> None:
    monkeypatch.setattr(pi_camera, "STALL_S", 0.2)
    part = camera()
    part._camera.oddities.repeats_every = 1
    with pytest.raises(CameraError, match="no new frame"):
        take(part, 10)


def test_an_exception_in_the_cameras_thread_surfaces(camera) -> None:
    part = camera(raises_after=5)
    with pytest.raises(CameraError, match="the camera failed: OSError: dequeue failed"):
        take(part, 10)


def test_a_dead_camera_thread_keeps_nobody_waiting(camera, monkeypatch) -> None:
    """Picamera2's close() waits for its thread's answer, and Python's end for close()."""
    monkeypatch.setattr(pi_camera, "STALL_S", 0.2)
    monkeypatch.setattr(pi_camera, "CLOSING_S", 0.1)
    part = camera(dies_after=5)
    with pytest.raises(CameraError, match="no new frame"):
        take(part, 10)
    part.shutdown()
    assert part._camera.is_open  # given up


def test_no_request_is_kept(camera) -> None:
    """The camera has four buffers: kept ones would starve it."""
    part = camera()
    for _ in range(20):
        part.run()
    assert part._camera.held <= 1


@pytest.mark.parametrize(
    ("oddities", "words"),
    [
        ({"no_camera": True}, "no camera was found; check the ribbon cable"),
        ({"busy": True}, "does not open .*is another program using it"),
        ({"modes": [{"format": "MJPEG"}]}, "drive --camera usb"),
        ({"clock_offset_ns": 10**12}, "clock is -1000.* off"),
    ],
)
def test_a_camera_that_cannot_be_used_is_one_line(camera, oddities: dict, words: str) -> None:
    with pytest.raises(CameraError, match=words) as raised:
        camera(**oddities)
    assert "\n" not in str(raised.value)


def test_off_a_pi_the_remedy_is_the_line_to_type() -> None:
    with pytest.raises(CameraError, match="apt install -y python3-picamera2"):
        PiCamera(SPEC, CameraSettings())


def test_settings_reach_the_sensor(camera) -> None:
    settings = CameraSettings(exposure_ms=5, gain=4, rate_hz=200, flip_horizontal=True, flip_vertical=True)
    part = camera(settings)
    controls = part._camera.config["controls"]
    assert (controls["ExposureTime"], controls["AnalogueGain"]) == (5000, 4)
    assert controls["FrameDurationLimits"] == (5000, 5000)
    frame, _, _ = part.run()
    assert np.array_equal(frame, scene(sequence_in(frame[::-1, ::-1]), 120, 160)[::-1, ::-1])


def test_exposure_is_automatic_unless_the_owner_says_otherwise(camera) -> None:
    assert not {"ExposureTime", "AnalogueGain"} & camera()._camera.config["controls"].keys()


OV5647 = [  # camera module 1
    SensorMode((640, 480), 10, (16, 0, 2560, 1920), 58.92),
    SensorMode((1296, 972), 10, (0, 0, 2592, 1944), 46.34),
    SensorMode((1920, 1080), 10, (348, 434, 1928, 1080), 32.81),
    SensorMode((2592, 1944), 10, (0, 0, 2592, 1944), 15.63),
]
IMX708 = [  # camera module 3
    SensorMode((1536, 864), 10, (768, 432, 3072, 1728), 120.13),
    SensorMode((2304, 1296), 10, (0, 0, 4608, 2592), 56.03),
    SensorMode((4608, 2592), 10, (0, 0, 4608, 2592), 14.35),
]
IMX219 = [SensorMode.of(mode) for mode in IMX219_MODES]


@pytest.mark.parametrize(
    ("modes", "size"), [(IMX219, (1640, 1232)), (OV5647, (1296, 972)), (IMX708, (2304, 1296))], ids=["v2", "v1", "v3"]
)
def test_the_whole_field_of_view_outranks_the_rate(modes: list[SensorMode], size: tuple[int, int]) -> None:
    for order in itertools.islice(itertools.permutations(modes), 50):
        for wanted_hz in (20, 60, 120):
            assert choose_mode(order, wanted_hz).size == size
    assert choose_mode(modes, 60).bit_depth == 10


def test_where_the_owner_wants_few_frames_the_sensor_may_read_no_more_pixels_for_it() -> None:
    assert choose_mode(OV5647, 10).size == (1296, 972)


@pytest.mark.parametrize(
    ("fastest_hz", "wanted_hz", "expected_hz"),
    [
        (41.85, 60, 40),
        (46.34, 60, 40),
        (56.03, 60, 40),
        (103.3, 60, 60),
        (103.3, 200, 100),
        (15.63, 60, 15.63),
        (60, 20, 20),
    ],
)
def test_the_rate_is_a_multiple_of_the_control_rate(fastest_hz: float, wanted_hz: float, expected_hz: float) -> None:
    assert choose_rate_hz(fastest_hz, wanted_hz, period_s=0.05) == pytest.approx(expected_hz)


def test_the_real_sensors_mode_is_pinned(camera) -> None:
    part = camera(CameraSettings(), modes=IMX219_MODES)
    assert part._camera.config["sensor"]["output_size"] == (1640, 1232)
    assert part.granted.rate_hz == pytest.approx(40)
    assert "seeing 3280 x 2460 of 3280 x 2464" in RealPlace(part.granted).words()
