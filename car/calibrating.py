"""The drivetrain that calibration moves: pulses instead of steering and throttle, through a guardian started for it."""

import dataclasses
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from calibration.car_file import CarCalibration, load_calibration, nominal, save_calibration
from calibration.steering import calibrate_steering
from calibration.terminal import Terminal
from calibration.throttle import calibrate_throttle
from car.drivetrain import wanted_guardian
from car.guardian.keeper import find_or_start
from car.guardian.messages import Command, Kind, State, Status
from errors import UserError

PERIOD_S = 0.02
HOLD_S = 0.3  # a servo needs about so long from end to end, and stays there when nothing more is said
BURST_S = 0.4  # the guardian ends a burst after 0.5 s in any case
BRAKE_S = 0.15


class PulsesToGuardian:
    """calibration.terminal.PulseDrivetrain. Neutral when the block ends, however it does."""

    def __init__(self, kind: Literal["simchip", "pca9685"], car: Path, calibration: CarCalibration) -> None:
        """Raises ServosTaken where something drives, UserError."""
        wanted = dataclasses.replace(wanted_guardian(kind, car, 0.2, uncalibrated=True), calibrating=True)
        self._client, self._keeper = find_or_start(wanted)
        self._steering_us = calibration.steering.centre_us
        self._neutral_us = calibration.throttle.neutral_us
        if self._keeper is None:
            self._client.close()
            raise UserError(f"a guardian runs in {wanted.folder} already; stop its service first (systemctl stop ...)")

    def hold(self, steering_us: float) -> None:
        self._steering_us = steering_us
        self._arm()
        self._send_for(self._neutral_us, HOLD_S)

    def burst(self, throttle_us: float, *, brake_first: bool = False) -> None:
        self._arm()
        if brake_first and throttle_us != self._neutral_us:
            self._send_for(throttle_us, BRAKE_S)
            self._send_for(self._neutral_us, BRAKE_S)
        self._send_for(throttle_us, BURST_S)
        self._send_for(self._neutral_us, PERIOD_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self._client.close()  # which is neutral
        assert self._keeper is not None  # noqa: S101 - see __init__
        self._keeper.close()

    def _arm(self) -> None:
        """A person was asked since the last pulse: the guardian has disarmed, or soon would."""
        for armed in (False, True):
            self._send(self._neutral_us, armed)

    def _send_for(self, throttle_us: float, duration_s: float) -> None:
        end_s = time.monotonic() + duration_s
        while True:
            status = self._send(throttle_us, armed=True)
            if status.state is State.FAILED:
                raise UserError(status.reason)
            if time.monotonic() >= end_s:
                return
            time.sleep(PERIOD_S)

    def _send(self, throttle_us: float, armed: bool) -> Status:
        command = Command(self._steering_us, throttle_us, armed, False, time.monotonic_ns(), kind=Kind.PULSES)
        self._client.send(command)
        return self._client.wait(1.0)


def calibrate(what: Literal["steering", "throttle"], kind: Literal["simchip", "pca9685"], car: Path) -> Path:
    """`manage.py calibrate steering` or `throttle`, in the terminal. Returns the file that was written.

    Raises CalibrationError when the person gives up, ServosTaken, StorageError, UserError.
    """
    before = load_calibration(car) or nominal()
    procedure = calibrate_steering if what == "steering" else calibrate_throttle
    with PulsesToGuardian(kind, car, before) as drivetrain:
        after = procedure(before, drivetrain, _at_terminal())
    return save_calibration(car, after)
