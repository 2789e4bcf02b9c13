"""Picamera2 and libcamera as far as the car uses them, for machines where libcamera cannot run.

Follows the documented behaviour of Picamera2 0.3.2x on a Raspberry Pi: jobs and requests, configurations that come back
adjusted, sensor modes, a camera thread. Its oddities are switched on one by one by `Oddities`.
"""

import atexit
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType, SimpleNamespace

import numpy as np

# An imx219 (camera module 2), as Picamera2 lists it.
IMX219_MODES = [
    {"size": size, "bit_depth": bits, "fps": fps, "crop_limits": crop, "format": f"SRGGB{bits}_CSI2P"}
    for bits, factor in ((10, 1.0), (8, 1.0))
    for size, fps, crop in (
        ((640, 480), 103.33 * (2 if bits == 8 else factor), (1000, 752, 1280, 960)),
        ((1640, 1232), 41.85, (0, 0, 3280, 2464)),
        ((1920, 1080), 47.57, (680, 692, 1920, 1080)),
        ((3280, 2464), 21.19, (0, 0, 3280, 2464)),
    )
]


class Range(Enum):
    Full = 0
    Limited = 1


class YcbcrEncoding(Enum):
    Rec601 = 1
    Rec709 = 2


class ColorSpace:
    """libcamera.ColorSpace: each of the three is made by calling its name."""

    Range, YcbcrEncoding = Range, YcbcrEncoding

    def __init__(self, encoding: YcbcrEncoding, colour_range: Range) -> None:
        self.ycbcrEncoding, self.range = encoding, colour_range

    @classmethod
    def Sycc(cls) -> "ColorSpace":
        return cls(YcbcrEncoding.Rec601, Range.Full)

    @classmethod
    def Smpte170m(cls) -> "ColorSpace":
        return cls(YcbcrEncoding.Rec601, Range.Limited)

    @classmethod
    def Rec709(cls) -> "ColorSpace":
        return cls(YcbcrEncoding.Rec709, Range.Limited)


@dataclass(frozen=True)
class Transform:
    """libcamera.Transform."""

    hflip: bool = False
    vflip: bool = False


@dataclass
class Oddities:
    """What this camera does otherwise than asked."""

    modes: list[dict] = field(default_factory=lambda: IMX219_MODES)
    size: tuple[int, int] | None = None  # adjusted to this
    colour_space: ColorSpace | None = None  # adjusted to this
    format: str | None = None
    rate_hz: float | None = None
    repeats_every: int = 0  # every nth frame carries the time stamp of the one before
    stalls_after: int = 10**9  # frames
    raises_after: int = 10**9  # frames: then an exception in the camera's thread, in the job that waits
    dies_after: int = 10**9  # frames: then the camera's thread ends silently; close() waits for it for ever
    clock_offset_ns: int = 0
    no_camera: bool = False
    busy: bool = False


def scene(sequence: int, height: int, width: int) -> np.ndarray:
    """The grey picture that the sensor sees in frame `sequence`, full range, 0 and 255 in it."""
    ramp = np.linspace(0, 255, height * width).reshape(height, width)
    picture = np.rint(ramp).astype(np.uint8)
    picture[0, :8] = [int(bit) * 255 for bit in f"{sequence % 256:08b}"]
    return picture


def sequence_in(picture: np.ndarray) -> int:
    """The frame's number, read from its first row."""
    return int("".join("1" if value > 127 else "0" for value in picture[0, :8]), 2)


class Request:
    """A completed request. Until it is released its buffer is not the camera's."""

    def __init__(self, camera: "Picamera2", sequence: int, timestamp_ns: int) -> None:
        self._camera, self._sequence = camera, sequence
        self._metadata = {
            "SensorTimestamp": timestamp_ns,
            "FrameDuration": round(1e6 / camera.rate_hz),
            "ScalerCrop": camera.scaler_crop(),
            "ExposureTime": camera.config["controls"].get("ExposureTime", 9_000),
        }
        self.released = False
        camera.held += 1

    def get_metadata(self) -> dict:
        return dict(self._metadata)

    def make_array(self, name: str) -> np.ndarray:
        """YUV420: (3 h / 2, stride), the padding left in. RGB888: B, G, R in memory; BGR888: R, G, B."""
        assert not self.released
        main = self._camera.config[name]
        width, height = main["size"]
        luma = scene(self._sequence, height, width)
        flip = self._camera.config["transform"]
        luma = luma[:: -1 if flip.vflip else 1, :: -1 if flip.hflip else 1]
        if main["format"] in ("RGB888", "BGR888"):
            red_first = np.stack([luma, luma // 2, luma // 4], axis=2)
            return red_first if main["format"] == "BGR888" else red_first[..., ::-1]
        if self._camera.config["colour_space"].range is Range.Limited:
            luma = np.rint(16 + luma * (219 / 255)).astype(np.uint8)
        planes = np.full((height * 3 // 2, main["stride"]), 0xAA, np.uint8)
        planes[:height, :width] = luma
        return planes

    def release(self) -> None:
        assert not self.released
        self.released = True
        self._camera.held -= 1


class Job:
    """picamera2.job.Job: what a capture without waiting returns."""

    def __init__(self) -> None:
        self.future: Future = Future()

    def get_result(self, timeout: float | None = None) -> object:
        return self.future.result(timeout)


class Picamera2:
    """One camera with its thread."""

    oddities = Oddities()
    opened: list["Picamera2"]

    @classmethod
    def global_camera_info(cls) -> list[dict]:
        return [] if cls.oddities.no_camera else [{"Model": "imx219", "Num": 0}]

    def __init__(self, camera_num: int = 0) -> None:
        if self.oddities.busy:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.camera_properties = {"Model": "imx219"}
        self.sensor_resolution = (3280, 2464)
        self.config: dict = {}
        self.held = 0  # requests that the program has not given back
        self.is_open, self._running = True, False
        self._lock = threading.Condition()
        self._jobs: list[Job] = []
        self._completed: Request | None = None
        atexit.register(self.close)
        type(self).opened.append(self)

    @property
    def sensor_modes(self) -> list[dict]:
        return self.oddities.modes

    def create_video_configuration(
        self, main, sensor, transform, controls, buffer_count, queue, display, encode, colour_space=None
    ) -> dict:
        """As Picamera2's: without a colour space, small video gets BT.601 in limited range."""
        assert {**main}.keys() <= {"size", "format"}
        return {
            "main": dict(main),
            "sensor": dict(sensor),
            "transform": transform,
            "colour_space": colour_space or ColorSpace.Smpte170m(),
            "controls": {"FrameDurationLimits": (33333, 33333)} | controls,
            "buffer_count": buffer_count,
            "queue": queue,
        }

    def configure(self, config: dict) -> None:
        assert not self._running
        odd, main = self.oddities, config["main"]
        main["size"] = odd.size or main["size"]
        main["format"] = odd.format or main["format"]
        per_pixel, align = (1, 64) if main["format"] == "YUV420" else (3, 32)
        main["stride"] = -(-main["size"][0] * per_pixel // align) * align  # 160 -> 192
        config["colour_space"] = odd.colour_space or config["colour_space"]
        fits = [mode for mode in odd.modes if mode["size"] == config["sensor"]["output_size"]]
        config["sensor"]["crop_limits"] = fits[0]["crop_limits"]
        fastest_us = 1e6 / max(mode["fps"] for mode in fits)
        self.rate_hz = odd.rate_hz or 1e6 / max(fastest_us, config["controls"]["FrameDurationLimits"][0])
        self.config = config

    def camera_configuration(self) -> dict:
        return self.config

    def scaler_crop(self) -> tuple[int, int, int, int]:
        """libcamera's default: the largest crop of the mode with the picture's shape, in the middle."""
        (x, y, width, height), (w, h) = self.config["sensor"]["crop_limits"], self.config["main"]["size"]
        crop = min(width, height * w // h), min(height, width * h // w)
        return (x + (width - crop[0]) // 2, y + (height - crop[1]) // 2, *crop)

    def start(self) -> None:
        self._running = True
        self._thread = threading.Thread(target=self._produce, daemon=True)
        self._thread.start()

    def _produce(self) -> None:
        odd, sequence, last_ns = self.oddities, 0, 0
        while self._running:
            time.sleep(1 / self.rate_hz)
            if sequence >= odd.dies_after:
                return
            with self._lock:
                if sequence >= odd.raises_after:
                    for job in self._jobs:
                        job.future.set_exception(OSError("dequeue failed"))
                    self._jobs.clear()
                    continue
                if sequence >= odd.stalls_after:
                    continue
                now_ns = time.monotonic_ns() + odd.clock_offset_ns
                if odd.repeats_every and sequence % odd.repeats_every == odd.repeats_every - 1:
                    now_ns = last_ns
                last_ns = now_ns
                if self._completed is not None:
                    self._completed.release()
                self._completed = Request(self, sequence, now_ns)
                sequence += 1
                self._serve()

    def _serve(self) -> None:
        if self._jobs and self._completed is not None:
            self._jobs.pop(0).future.set_result(self._completed)
            self._completed = None

    def capture_request(self, wait: bool | None = None) -> Job:
        """The completed request that nobody fetched, else the next; here always as a job."""
        assert wait is False
        with self._lock:
            job = Job()
            self._jobs.append(job)
            self._serve()
            return job

    def cancel_all_and_flush(self) -> None:
        with self._lock:
            for job in self._jobs:
                job.future.cancel()
            self._jobs.clear()

    def close(self) -> None:
        """As Picamera2's: asks the camera's thread to stop, and waits for its answer."""
        atexit.unregister(self.close)
        if not self.is_open:
            return
        if self._running and not self._thread.is_alive():
            threading.Event().wait()  # nobody will answer
        self._running = False
        self.is_open = False


def install(monkeypatch, oddities: Oddities) -> type[Picamera2]:
    """Put the fake where `import picamera2` and `import libcamera` find it."""
    made = type("Picamera2", (Picamera2,), {"oddities": oddities, "opened": []})
    picamera2, libcamera = ModuleType("picamera2"), ModuleType("libcamera")
    picamera2.Picamera2 = made
    vars(libcamera).update(vars(SimpleNamespace(ColorSpace=ColorSpace, Transform=Transform)))
    monkeypatch.setitem(sys.modules, "picamera2", picamera2)
    monkeypatch.setitem(sys.modules, "libcamera", libcamera)
    return made
