"""`bench loop`, donkeycar's side: its own loop at 20 Hz, its linear pilot in its TFLite interpreter, its PWM parts.

All of these are donkeycar's classes, unchanged. Only what cannot be installed is stood in for: the legacy PCA9685
package, whose four one-byte writes a pulse go to the same simulated chip as ours do. Left out, in donkeycar's favour:
its web server, its tub writer, and the other thirty parts of its template.

Started by car/bench_loop.py; prints a JSON list, a dictionary of milliseconds for each round of the loop.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("LOGLEVEL", "ERROR")
sys.modules["tensorflow"] = None  # type: ignore[assignment]  # a car has none; donkeycar would load it where it is there
with contextlib.redirect_stdout(io.StringIO()):  # its banner
    from donkeycar.parts.actuator import PulseController, PWMSteering, PWMThrottle
    from donkeycar.parts.interpreter import TfLite
    from donkeycar.parts.keras import KerasLinear
    from donkeycar.parts.pins import pwm_pin_by_id
    from donkeycar.vehicle import Vehicle

from car.bench_camera import WARM_UP, BenchCamera, load_frames  # noqa: E402
from car.simchip.bus import SimulatedBus  # noqa: E402
from car.simchip.process import start as start_chip  # noqa: E402
from models.contract import Contract  # noqa: E402

LOOP_HZ = 20  # DRIVE_LOOP_HZ
STEERING_PIN, THROTTLE_PIN = "PCA9685.1:40.1", "PCA9685.1:40.0"  # and the pulses below: its template's configuration
STEERING_LEFT, STEERING_RIGHT, FORWARD, STOPPED, REVERSE = 460, 290, 500, 370, 220


class _Round:
    """What happened to the frame of one round of the loop."""

    def __init__(self, ready_ns: int) -> None:
        self.ready_ns = ready_ns
        self.taken_ns = time.monotonic_ns()
        self.decided_ns = self.given_ns = self.written_ns = 0


class _Notes:
    """Shared by the parts below."""

    rounds: list[_Round]
    given: _Round | None = None  # the round whose steering the PWM thread will write next


class LegacyPCA9685:
    """Adafruit_PCA9685.PCA9685, on the simulated chip: each register a transaction of its own."""

    notes: _Notes
    folder: Path

    def __init__(self, address: int) -> None:
        self._address, self._bus = address, SimulatedBus(self.folder)
        self._lock = threading.Lock()  # the simulated bus has one connection; a kernel's bus takes turns likewise

    def set_pwm_freq(self, frequency_hz: int) -> None:
        self._write(0x00, 0x10)
        self._write(0xFE, round(25e6 / 4096 / frequency_hz) - 1)
        self._write(0x00, 0x20)

    def set_pwm(self, channel: int, on: int, off: int) -> None:
        carried = self.notes.given if channel == 1 else None
        for register, value in enumerate((on & 0xFF, on >> 8, off & 0xFF, off >> 8)):
            self._write(0x06 + 4 * channel + register, value)
        if carried is not None and not carried.written_ns:
            carried.written_ns = time.monotonic_ns()

    def _write(self, register: int, value: int) -> None:
        with self._lock:
            self._bus.writeto(self._address, bytes([register, value]))


class _Taken:
    """After the camera: the round begins."""

    def __init__(self, notes: _Notes, vehicle: Vehicle, rounds: int) -> None:
        self._notes, self._vehicle, self._rounds = notes, vehicle, rounds

    def run(self, ready_ns: int) -> None:
        if len(self._notes.rounds) == self._rounds:
            self._vehicle.on = False
        self._notes.rounds.append(_Round(ready_ns))


class _Decided:
    """After the pilot."""

    def __init__(self, notes: _Notes) -> None:
        self._notes = notes

    def run(self) -> None:
        self._notes.rounds[-1].decided_ns = time.monotonic_ns()


class _Given:
    """After the steering part has been told."""

    def __init__(self, notes: _Notes) -> None:
        self._notes = notes

    def run(self) -> None:
        self._notes.rounds[-1].given_ns = time.monotonic_ns()
        self._notes.given = self._notes.rounds[-1]


def measure(frames: int, rate_hz: float, tub: str | None, linear: str, folder: Path) -> list[dict[str, float]]:
    """As long as the camera needs for so many frames. linear: the .tflite of donkeycar's linear model."""
    start_chip(folder, alone_s=1)
    notes = _Notes()
    notes.rounds = []
    LegacyPCA9685.notes, LegacyPCA9685.folder = notes, folder
    legacy, gpio = ModuleType("Adafruit_PCA9685"), ModuleType("Adafruit_GPIO")
    vars(legacy)["PCA9685"], vars(gpio)["I2C"] = LegacyPCA9685, ModuleType("Adafruit_GPIO.I2C")
    sys.modules |= {"Adafruit_PCA9685": legacy, "Adafruit_GPIO": gpio}
    pilot: Any = KerasLinear(interpreter=TfLite())
    pilot.load(linear)
    steering, throttle = (PulseController(pwm_pin_by_id(pin)) for pin in (STEERING_PIN, THROTTLE_PIN))
    vehicle = Vehicle()
    camera = BenchCamera(load_frames(Contract().observation, tub, luma=False), rate_hz)
    vehicle.add(camera, outputs=["cam/image_array", "cam/ready_ns"], threaded=True)
    vehicle.add(_Taken(notes, vehicle, round(frames / rate_hz * LOOP_HZ)), inputs=["cam/ready_ns"])
    vehicle.add(pilot, inputs=["cam/image_array"], outputs=["steering", "throttle"])
    vehicle.add(_Decided(notes))
    vehicle.add(PWMSteering(steering, STEERING_LEFT, STEERING_RIGHT), inputs=["steering"], threaded=True)
    vehicle.add(_Given(notes))
    vehicle.add(PWMThrottle(throttle, FORWARD, REVERSE, STOPPED), inputs=["throttle"], threaded=True)
    vehicle.start(rate_hz=LOOP_HZ)
    return [
        {
            "age of the frame": (one.taken_ns - one.ready_ns) / 1e6,
            "pilot": (one.decided_ns - one.taken_ns) / 1e6,
            "PWM thread, chip": (one.written_ns - one.decided_ns) / 1e6,
            "total": (one.written_ns - one.ready_ns) / 1e6,
        }
        for one in notes.rounds[WARM_UP:-1]
        if one.written_ns
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):  # its parts print
            samples = measure(**json.loads(sys.argv[1]), folder=Path(folder))
        print(json.dumps(samples))
