"""A USB camera, by OpenCV: the second choice, for it does not say when a frame was taken, nor do as it is asked.

A thread reads all that the camera gives and keeps the newest frame, so that none waits in the driver's queue.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from car.camera import FIRST_FRAME_S, STALL_S, CameraError, Granted
from models.contract import ObservationSpec
from settings import CameraSettings

ASKED = (640, 480)  # a webcam's smaller modes often show only the middle of its picture
FLIPS = {(True, False): 1, (False, True): 0, (True, True): -1}  # horizontal, vertical -> cv2.flip's code


def open_device(number: int) -> Any:
    """/dev/videoN as OpenCV opens it."""
    # What it complains of on stderr, our errors say. OpenCV 4.14 has moved the function.
    moved = not hasattr(cv2, "setLogLevel")
    silence = cv2.utils.logging.setLogLevel if moved else cv2.setLogLevel  # type: ignore[attr-defined]
    silence(0)
    return cv2.VideoCapture(number, cv2.CAP_V4L2)


class UsbCamera:
    """Blocks until there is a frame newer than the last."""

    clock_ns = staticmethod(time.monotonic_ns)  # what its frames are stamped with

    def __init__(
        self,
        spec: ObservationSpec,
        settings: CameraSettings,
        device: int = 0,
        open_capture: Callable[[int], Any] = open_device,
    ) -> None:
        """device: N of /dev/videoN. Waits for the first frame. Raises CameraError where there is none."""
        self._name = f"/dev/video{device}"
        self._size = (spec.frame_width, spec.frame_height)
        self._flip = FLIPS.get((settings.flip_horizontal, settings.flip_vertical))
        self._capture = open_capture(device)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(
                f"no camera answers at {self._name}; plug it in, or name another one with --camera usb:N "
                "(ls /dev/video* lists them)"
            )
        self.granted = self._configure(settings)
        self.overruns = 0  # frames that the loop was too late for
        self._news = threading.Condition()
        self._newest: tuple[NDArray[Any], int, int] | None = None  # BGR or grey, t_capture_ns, number of the frame
        self._failure: str | None = None
        self._given = -1
        self._closing = False
        self._thread = threading.Thread(target=self._read, daemon=True, name="usb-camera")
        self._thread.start()
        self._limit_s = FIRST_FRAME_S
        try:
            self.run()
        except CameraError:
            self.shutdown()
            raise
        self._limit_s, self.overruns = STALL_S, 0

    def _configure(self, settings: CameraSettings) -> Granted:
        capture = self._capture
        asked = {
            cv2.CAP_PROP_FRAME_WIDTH: ASKED[0],
            cv2.CAP_PROP_FRAME_HEIGHT: ASKED[1],
            cv2.CAP_PROP_FPS: settings.rate_hz,
            cv2.CAP_PROP_BUFFERSIZE: 1,
        }
        if settings.exposure_ms:
            asked |= {cv2.CAP_PROP_AUTO_EXPOSURE: 1, cv2.CAP_PROP_EXPOSURE: 10 * settings.exposure_ms}  # V4L2: 100 µs
        if settings.gain:
            asked[cv2.CAP_PROP_GAIN] = settings.gain
        for key, value in asked.items():
            capture.set(key, value)
        width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        rate_hz = float(capture.get(cv2.CAP_PROP_FPS))
        differs = []
        if (width, height) != ASKED:
            differs.append(f"its picture is {width} x {height}, not the {ASKED[0]} x {ASKED[1]} it was asked for")
        if width * self._size[1] != height * self._size[0]:
            differs.append(
                f"that is squeezed into {self._size[0]} x {self._size[1]}: roads look narrower than they are"
            )
        if rate_hz < settings.rate_hz:
            differs.append(f"it gives {rate_hz:g} frames/s, not the {settings.rate_hz:g} of [camera] rate_hz")
        return Granted(f"USB camera {self._name}", width, height, rate_hz, differs=tuple(differs))

    def _read(self) -> None:
        """The thread: keeps the newest frame until the camera fails or the part is shut down."""
        number, failure = -1, f"{self._name} gives no more frames; is it still plugged in?"
        try:
            while not self._closing:
                good, picture = self._capture.read()
                t_capture_ns = time.monotonic_ns()  # when it arrived: a USB camera does not say when it was taken
                if not good:
                    break
                number += 1
                with self._news:
                    self._newest = (picture, t_capture_ns, number)
                    self._news.notify()
        except Exception as error:  # a dead thread must not look like a frozen road: run() raises it
            failure = f"{self._name} failed: {type(error).__name__}: {error}"
        with self._news:
            self._failure = failure
            self._news.notify()

    def run(self) -> tuple[NDArray[np.uint8], int, int]:
        """Luma uint8 (frame_height, frame_width), its arrival in ns (monotonic), sequence number.

        Raises CameraError where no new frame comes in time, or the camera is gone.
        """
        with self._news:
            if not self._news.wait_for(self._has_news, self._limit_s):
                raise CameraError(f"{self._name} gave no new frame for {self._limit_s:g} s; plug it in anew")
            if self._newest is None or self._newest[2] <= self._given:
                raise CameraError(str(self._failure))
            picture: NDArray[Any]
            picture, t_capture_ns, sequence = self._newest
        self.overruns += sequence - self._given - 1
        self._given = sequence
        if picture.ndim == 3:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        picture = cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA)
        if self._flip is not None:
            picture = cv2.flip(picture, self._flip)
        return np.asarray(picture, np.uint8), t_capture_ns, sequence

    def _has_news(self) -> bool:
        return self._failure is not None or (self._newest is not None and self._newest[2] > self._given)

    def shutdown(self) -> None:
        """End the thread, then close the device; a thread that hangs in the driver keeps it until the program ends."""
        self._closing = True
        self._thread.join(STALL_S)
        if not self._thread.is_alive():
            self._capture.release()
