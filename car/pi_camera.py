"""The Raspberry Pi's camera, by Picamera2: the luma plane of its YUV picture, as it is.

No colour conversion: with full-range BT.601 asked for, Y is the grey that models/observation.py means. Where libcamera
grants limited range instead, which is its default for small video, a table stretches 16..235 to 0..255.
"""

import atexit
import os
import threading
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from car.camera import FIRST_FRAME_S, STALL_S, CameraError, Granted
from car.sensor_mode import SensorMode, choose_mode, choose_rate_hz
from models.contract import ObservationSpec
from settings import CameraSettings

INSTALL = "sudo apt install -y python3-picamera2 --no-install-recommends"
CLOSING_S = 2.0  # a camera whose thread is dead would keep close(), and so the program's end, waiting for ever
FULL_RANGE = np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)  # ITU-R BT.601: Y is 16..235


class PiCamera:
    """Blocks until there is a frame newer than the last. The camera's thread and buffers are Picamera2's."""

    clock_ns = staticmethod(time.monotonic_ns)  # what its frames are stamped with

    def __init__(self, spec: ObservationSpec, settings: CameraSettings) -> None:
        """Opens the camera and waits for its first frame. Raises CameraError, with the remedy, where there is none."""
        picamera2, libcamera = _import()
        self._size = (spec.frame_width, spec.frame_height)
        if not picamera2.Picamera2.global_camera_info():
            raise CameraError(
                "no camera was found; check the ribbon cable at both ends, then type rpicam-hello --list-cameras"
            )
        try:
            self._camera = picamera2.Picamera2()
        except (RuntimeError, IndexError) as error:
            raise CameraError(f"the camera does not open ({error}); is another program using it?") from error
        self.overruns = 0  # frames that the loop was too late for
        self._sequence, self._last_ns = -1, 0
        try:
            mode, self._rate_hz = self._configure(libcamera, spec, settings)
            self._camera.start()
            self._limit_s = FIRST_FRAME_S
            self.run()
            self.granted = self._what_is_granted(libcamera, mode)
            self._check_clock()
        except BaseException:
            self.shutdown()
            raise
        self._limit_s, self._sequence, self.overruns = STALL_S, -1, 0

    def run(self) -> tuple[NDArray[np.uint8], int, int]:
        """Luma uint8 (frame_height, frame_width), start of its capture in ns (monotonic), sequence number.

        Sequence numbers count the frames that were missed, too. Raises CameraError where no new frame comes in time.
        """
        deadline_s = time.monotonic() + self._limit_s
        while True:
            frame, t_capture_ns = self._next(deadline_s)
            if t_capture_ns > self._last_ns:
                break  # else one that was given already: libcamera has been seen to repeat time stamps
        if self._sequence >= 0:
            missed = round((t_capture_ns - self._last_ns) * self._rate_hz / 1e9) - 1
            self.overruns += max(0, missed)
            self._sequence += max(0, missed)
        self._last_ns = t_capture_ns
        self._sequence += 1
        return frame, t_capture_ns, self._sequence

    def _next(self, deadline_s: float) -> tuple[NDArray[np.uint8], int]:
        """The newest frame that was not fetched before, or the next one."""
        job = self._camera.capture_request(wait=False)
        try:
            request = job.get_result(timeout=max(0.0, deadline_s - time.monotonic()))
        except TimeoutError as error:
            self._camera.cancel_all_and_flush()
            raise CameraError(
                f"the camera gave no new frame for {self._limit_s:g} s; check its ribbon cable, then start again"
            ) from error
        except Exception as error:  # whatever was raised in Picamera2's thread
            raise CameraError(f"the camera failed: {type(error).__name__}: {error}") from error
        try:
            planes = request.make_array("main")
            self._metadata = request.get_metadata()
        finally:
            request.release()
        width, height = self._picture
        luma = planes[:height, :width]  # below it lie U and V; right of it, where the stride is longer, nothing
        luma = np.ascontiguousarray(luma) if self._full_range else cv2.LUT(luma, FULL_RANGE)
        if (width, height) != self._size:
            luma = cv2.resize(luma, self._size, interpolation=cv2.INTER_AREA)
        return luma, int(self._metadata["SensorTimestamp"])

    def _configure(self, libcamera: Any, spec: ObservationSpec, settings: CameraSettings) -> tuple[SensorMode, float]:
        """Pin the sensor's mode and ask for the rest; returns the mode and the frame rate that were asked for."""
        camera = self._camera
        modes = [SensorMode.of(mode) for mode in camera.sensor_modes if "crop_limits" in mode]
        if not modes:
            raise CameraError("the first camera is no sensor on a ribbon cable; for a USB camera: drive --camera usb")
        mode = choose_mode(modes, settings.rate_hz)
        rate_hz = choose_rate_hz(mode.rate_hz, settings.rate_hz, spec.period_s)
        frame_us = round(1e6 / rate_hz)
        controls: dict[str, Any] = {"FrameDurationLimits": (frame_us, frame_us)}
        if settings.exposure_ms:
            controls["ExposureTime"] = round(1000 * settings.exposure_ms)
        if settings.gain:
            controls["AnalogueGain"] = settings.gain
        camera.configure(
            camera.create_video_configuration(
                main={"size": self._size, "format": "YUV420"},
                sensor={"output_size": mode.size, "bit_depth": mode.bit_depth},
                colour_space=libcamera.ColorSpace.Sycc(),  # full range, BT.601 weights
                transform=libcamera.Transform(hflip=settings.flip_horizontal, vflip=settings.flip_vertical),
                controls=controls,
                buffer_count=4,
                queue=True,  # keep the newest frame for a loop that comes late, rather than make it wait for the next
                display=None,
                encode=None,
            )
        )
        given = camera.camera_configuration()
        main = given["main"]
        self._picture = main["size"]
        if main["format"] != "YUV420" or main["stride"] < self._picture[0]:
            raise CameraError(f"the camera gives {main['format']} with a stride of {main['stride']}, instead of YUV420")
        self._full_range = given["colour_space"].range == libcamera.ColorSpace.Range.Full
        return mode, rate_hz

    def _what_is_granted(self, libcamera: Any, mode: SensorMode) -> Granted:
        """From the configuration as libcamera adjusted it, and what the first frame says of itself."""
        given, (width, height) = self._camera.camera_configuration(), self._picture
        differs = []
        if self._picture != self._size:
            differs.append(f"its picture is {width} x {height} and is resized to {self._size[0]} x {self._size[1]}")
        if not self._full_range:
            differs.append("its grey is limited to 16..235 and is stretched")
        if given["colour_space"].ycbcrEncoding != libcamera.ColorSpace.YcbcrEncoding.Rec601:
            differs.append("its grey weighs the colours otherwise than BT.601")
        sensor_size = tuple(given["sensor"]["output_size"])
        if sensor_size != mode.size:
            differs.append(f"its sensor reads {sensor_size[0]} x {sensor_size[1]}, not {mode.size[0]} x {mode.size[1]}")
        rate_hz = 1e6 / self._metadata["FrameDuration"]
        if abs(rate_hz - self._rate_hz) > 0.02 * self._rate_hz:
            differs.append(f"it gives {rate_hz:.1f} frames/s, not {self._rate_hz:.1f}")
        crop, sensor = self._metadata["ScalerCrop"], self._camera.sensor_resolution
        return Granted(
            str(self._camera.camera_properties.get("Model", "camera")),
            width,
            height,
            rate_hz,
            f"sensor mode {sensor_size[0]} x {sensor_size[1]}, seeing {crop[2]} x {crop[3]} of "
            f"{sensor[0]} x {sensor[1]}",
            tuple(differs),
        )

    def _check_clock(self) -> None:
        """The governor measures a frame's age by the monotonic clock."""
        age_s = (time.monotonic_ns() - self._last_ns) / 1e9
        if not 0 <= age_s < FIRST_FRAME_S:
            raise CameraError(
                f"the camera's clock is {age_s:.1f} s off the system's; update with sudo apt full-upgrade"
            )

    def shutdown(self) -> None:
        """Close the camera, or give it up after CLOSING_S."""
        closing = threading.Thread(target=self._camera.close, daemon=True, name="camera-close")
        closing.start()
        closing.join(CLOSING_S)
        if closing.is_alive():
            atexit.unregister(self._camera.close)  # Picamera2 would try again when Python ends, without a limit


def _import() -> tuple[Any, Any]:
    """Picamera2 and libcamera, which only a Pi has. Raises CameraError."""
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:ERROR")  # its news would run through the live picture
    try:
        import libcamera  # noqa: PLC0415, not on other machines
        import picamera2  # noqa: PLC0415
    except ImportError as error:
        raise CameraError(f"Picamera2 cannot be imported ({error}); type: {INSTALL} && make drive") from error
    except ValueError as error:  # Debian's simplejpeg, built for another numpy than the venv's
        raise CameraError(f"Picamera2 cannot be imported ({error}); type: make clean && make drive") from error
    return picamera2, libcamera
