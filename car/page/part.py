"""The page as a donkeycar part: what the stock LocalWebController reads and writes, and armed and stop besides."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from car.arming import Act, after
from car.page.drive_server import DriveServer
from car.page.message import Message
from car.page.recordings import Recordings
from car.page.seat import SILENT_NS
from car.page.shared import Shared, Shown
from car.page.status import About

LEFT = f"the page that drove was closed, or silent for {SILENT_NS // 1_000_000} ms: the car was stopped"
PAD = "a pad was switched on, and drives now: the car was stopped"
THROTTLE_HELD = "let go of the throttle, then arm"


class Page:
    """Never waits for the server: it takes what was said since the last round, and leaves what is to be shown."""

    def __init__(self, port: int, about: About, recordings: Recordings, *, everyone: bool) -> None:
        """port: 0 takes a free one. everyone: from all networks, else from this machine alone.

        Raises UserError where the port is taken.
        """
        self.shared = Shared()
        self.server = DriveServer(self.shared, port, about, recordings, everyone=everyone)
        self._driver: object = None  # who had the wheel in the last round
        self._armed_here = False
        self._note = ""

    @property
    def link(self) -> str:
        """What the driver opens, with the token in it."""
        return self.server.link

    def run(
        self,
        frame: NDArray[np.uint8] | None,
        records: int | None,
        mode: str | None,
        recording: bool | None,
        armed: bool | None = False,
        stop: bool | None = False,
        user_steering: float | None = None,
        user_throttle: float | None = None,
        pad_drives: bool | None = False,
        steering: float | None = None,
        throttle: float | None = None,
        reason: str | None = "",
        guardian_reason: str | None = "",
        note: str | None = "",
    ) -> tuple[float, float, str, bool, bool, bool]:
        """frame: RGB uint8 (h, w, 3) or grey (h, w). records to stop: the memory's values before the driver speaks.
        user_steering, user_throttle: the pad's, while pad_drives. steering to note: for showing.

        Returns user steering and throttle, mode, recording, armed, stop.
        """
        mode, recording, armed, stop = mode or "user", bool(recording), bool(armed), bool(stop)
        self._armed_here, self._note = self._armed_here and armed, "" if armed else self._note
        waiting = len(self.shared.wishes)  # before the seat is looked at, so that whoever wished had it by then
        command = None if pad_drives else self.shared.seat.command()
        driver = command.who if command else None
        if self._driver is not None and driver != self._driver:
            if armed and (mode != "local" or self._armed_here):
                armed, self._note = False, PAD if pad_drives else LEFT
            self._armed_here = False
        self._driver = driver
        asked = command.throttle if command and mode != "local" else 0.0
        for _ in range(waiting):
            who, wish = self.shared.wishes.popleft()
            if who != driver:  # gone, and its wishes with it
                continue
            mode, recording = wish.drive_mode or mode, recording if wish.recording is None else wish.recording
            armed, stop = self._consent(wish, asked, armed, stop)
        if self.shared.stop_pressed:  # after the wishes: a STOP outranks all of the same round
            self.shared.stop_pressed = False
            armed, stop = after(Act.STOP, armed, stop)
        why = guardian_reason or reason or ""  # the last word first, as in the terminal
        shown = Shown(mode, recording, records or 0, armed, stop, steering or 0.0, throttle or 0.0, why)
        self.shared.shown = replace(shown, note=note or self._note, pad_drives=bool(pad_drives))
        if self.shared.camera.watched and frame is not None:
            self.shared.camera.show(frame.copy())  # the camera may use its memory again
        if pad_drives:
            return user_steering or 0.0, user_throttle or 0.0, mode, recording, armed, stop
        if command:
            return command.steering, command.throttle, mode, recording, armed, stop
        return 0.0, 0.0, mode, recording, armed, stop

    def _consent(self, wish: Message, asked_throttle: float, armed: bool, stop: bool) -> tuple[bool, bool]:
        """(armed, stop) after a wish."""
        if wish.stop is False:
            armed, stop = after(Act.RELEASE, armed, stop)
        if wish.arm and not armed and asked_throttle != 0:
            self._note = THROTTLE_HELD
        elif wish.arm is not None:
            armed, stop = after(Act.ARM if wish.arm else Act.DISARM, armed, stop)
            self._armed_here, self._note = wish.arm and armed, ""
        return armed, stop

    def shutdown(self) -> None:
        """At once: the wheels behind it are waiting to be stopped."""
        self.server.end()
