"""Game pads, through donkeycar's controller classes: sticks and buttons are where a pad's owner knows them.

What is ours:
* the e-stop is a STOP of the car, in every mode (donkeycar's is overwritten in autopilot, and drives backwards first);
* the button of the constant throttle arms instead: nothing drives on when the pad is put down;
* a pad that goes away stops the car (donkeycar's thread would end, and leave the last throttle), and may come back.
"""

import os
import threading
import time
from collections import deque
from typing import Any, BinaryIO

from donkeycar.parts import controller as donkeycar

from car.arming import Act, after
from car.recorder import Recorder
from car.simcache_recorder import SimCacheRecorder
from settings import PadType

RETRY_S = 1.0

_STOCK = {
    "ps3": donkeycar.PS3JoystickController,
    "ps3sixad": donkeycar.PS3JoystickSixAdController,
    "ps4": donkeycar.PS4JoystickController,
    "nimbus": donkeycar.NimbusController,
    "xbox": donkeycar.XboxOneJoystickController,
    "xboxswapped": donkeycar.XboxOneSwappedJoystickController,
    "wiiu": donkeycar.WiiUController,
    "F710": donkeycar.LogitechJoystickController,
    "rc3": donkeycar.RC3ChanJoystickController,
}
# Where donkeycar has no constant throttle, a button that does nothing there. The rc3 has none: it is armed elsewhere.
_ARMING_BUTTON = {"nimbus": "x", "wiiu": "START"}


class _Ours(donkeycar.JoystickController):  # type: ignore[misc] # donkeycar has no types
    """What differs from donkeycar's controllers; mixed into the one of the pad's kind."""

    js: Any  # donkeycar's Joystick, once it is open

    def __init__(self, **options: Any) -> None:
        self.acts: deque[Act] = deque(maxlen=16)
        self.connected = False
        super().__init__(auto_record_on_throttle=False, **options)

    def emergency_stop(self) -> None:
        self.acts.append(Act.STOP)
        self.throttle = 0.0

    def toggle_constant_throttle(self) -> None:
        self.acts.append(Act.GO)

    def init_js(self) -> bool:
        """Open the pad where it is there. donkeycar's complains each time it is not, or believes that it is."""
        if not os.path.exists(self.dev_fn):
            return False
        if not super().init_js() or self.js.jsdev is None:
            self.js = None
            return False
        self.js.jsdev = _WholeEvents(self.js.jsdev)
        self.connected = True
        return True

    def lose_js(self) -> None:
        """The pad is gone: nothing it said counts any more."""
        self.connected, self.js = False, None
        self.angle = self.throttle = 0.0
        self.chaos_monkey_steering = None


class _WholeEvents:
    """A device that ends by an error: donkeycar would read nothing, again and again."""

    def __init__(self, device: BinaryIO) -> None:
        self._device = device

    def read(self, size: int) -> bytes:
        """Raises EOFError where the device has ended."""
        event = self._device.read(size)
        if len(event) < size:
            raise EOFError("the pad is gone")
        return event


class Pad:
    """While a pad is plugged in, it drives; a page then watches, and can STOP. What it does not touch stays."""

    def __init__(
        self, kind: PadType, device: str, throttle_cap: float, recorder: Recorder | SimCacheRecorder | None = None
    ) -> None:
        """kind: donkeycar's CONTROLLER_TYPE. device: as /dev/input/js0. throttle_cap: what a full stick means.
        recorder: whose last records the pad's button deletes.
        """
        controller = type("Pad_" + kind, (_Ours, _STOCK[kind]), {})
        self._pad: Any = controller(throttle_scale=throttle_cap, dev_fn=device)
        self._pad.set_tub(recorder)
        if kind in _ARMING_BUTTON:
            self._pad.set_button_down_trigger(_ARMING_BUTTON[kind], self._pad.toggle_constant_throttle)
        if kind == "rc3":  # donkeycar deletes records with it, in user mode
            self._pad.set_button_down_trigger("Switch-up", self._pad.emergency_stop)
        self._drove = self._armed_here = False
        self._thread = threading.Thread(target=self._read, name="pad", daemon=True)
        self._thread.start()

    def run(
        self, mode: str | None, recording: bool | None, armed: bool | None, stop: bool | None
    ) -> tuple[float, float, str, bool, bool, bool, bool]:
        """The memory's values before the pad speaks; returns them after it, and whether it drives.

        User steering and throttle, mode, recording, armed, stop, drives.
        """
        armed, stop, drives = bool(armed), bool(stop), bool(self._pad.connected)
        if self._drove and not drives and armed and (mode != "local" or self._armed_here):
            armed, self._armed_here = False, False
        self._drove = drives
        steering, throttle, mode, recording = self._pad.run_threaded(None, mode, bool(recording))
        while self._pad.acts:
            act = self._pad.acts.popleft()
            if act is Act.GO and not (armed or stop) and throttle != 0 and mode != "local":
                continue  # let go of the throttle first
            armed, stop = after(act, armed, stop)
            self._armed_here = armed
        return _limited(steering), _limited(throttle), mode, recording, armed, stop, drives

    def shutdown(self) -> None:
        """The thread ends with the program: it waits in a read. donkeycar's would hold up the wheels for 0.5 s."""
        self._pad.running = False

    def _read(self) -> None:
        while self._pad.running:
            try:
                if self._pad.js is None and not self._pad.init_js():
                    time.sleep(RETRY_S)
                    continue
                self._pad.update()
            except Exception:  # unplugged, out of range, or an event that the pad cannot give: all mean the same
                self._pad.lose_js()
                time.sleep(RETRY_S)


def _limited(value: float) -> float:
    return min(1.0, max(-1.0, value))  # a stick goes to -32768 / 32767
