"""The drivetrain: the loop's commands to the guardian, and what the guardian says to them."""

import contextlib
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from calibration.car_file import load_calibration, nominal
from car.arming import Act, after
from car.guardian.chip import SIMULATED
from car.guardian.client import Client, Gone
from car.guardian.keeper import WantedGuardian, find_or_start
from car.guardian.messages import Command, State
from car.servos import load_servos, servos_of
from car.simchip.process import start as start_chip
from errors import UserError

SILENT_NS = 1_000_000_000  # without an answer: something is wrong with it, or with its bus
HANGS_NS = 2_500_000_000  # a bus that times out answers by then
AWAY_NS = 3_000_000_000  # a guardian that died is back within half a second, else something is wrong
UNANSWERED = 16  # commands; more are older than anybody wants to know
RESTARTED = "the guardian was restarted: arm again"


def open_drivetrain(
    kind: Literal["simchip", "pca9685"], car: Path, oldest_frame_s: float, clock_ns: Callable[[], int]
) -> "Drivetrain":
    """The drivetrain of the car in this folder, its guardian found or started.

    Raises ServosTaken, CalibrationError where a real car has none, UserError where no guardian can start.
    """
    return Drivetrain(wanted_guardian(kind, car, oldest_frame_s), clock_ns)


def wanted_guardian(
    kind: Literal["simchip", "pca9685"], car: Path, oldest_frame_s: float, *, uncalibrated: bool = False
) -> WantedGuardian:
    """The guardian for the chip of this kind; the simulated chip is switched on. Raises UserError.

    uncalibrated: a real car without a calibration is taken by the book, to be calibrated.
    """
    if kind == "simchip":
        calibration = load_calibration(car) or nominal()
        folder = car / "simchip"
        start_chip(folder)
        return WantedGuardian(folder, SIMULATED + str(folder.resolve()), servos_of(calibration), oldest_frame_s)
    servos = servos_of(load_calibration(car) or nominal()) if uncalibrated else load_servos(car)
    return WantedGuardian(car / "run", str(servos.bus), servos, oldest_frame_s)


class GuardianLost(UserError):
    """There is no guardian any more, so there is nothing to drive with."""


class Drivetrain:
    """Sends each command with the time of its frame, so that the guardian can tell how old it is, whoever is slow."""

    def __init__(self, wanted: WantedGuardian, clock_ns: Callable[[], int]) -> None:
        """clock_ns: the clock that the camera stamps its frames with. Raises ServosTaken, UserError."""
        self._wanted, self._clock_ns = wanted, clock_ns
        self._client: Client | None
        self._client, self._keeper = find_or_start(wanted)
        with contextlib.suppress(OSError):  # when memory runs out, whoever thinks goes before whoever holds the wires
            Path("/proc/self/oom_score_adj").write_text("500")
        self._sequence = 0
        self._sent: deque[tuple[int, int]] = deque(maxlen=UNANSWERED)  # when, and when its frame was captured, in ns
        self.pulse_ms: float | None = None  # from a frame to the pulse that it caused, of the newest known
        self._live, self._live_since_ns = False, 0  # `armed` is said, and since when
        self._held = False  # since then the guardian has armed the car
        self._why = ""  # the car was disarmed by no person: the reason, until one arms it again
        self._gone_ns = 0
        self._asked_ns = time.monotonic_ns()  # when the oldest command was sent that has no answer yet
        self._ended = False
        self._kept_back = False
        self.trips = 0  # times the guardian took the throttle away though the command was to drive

    @property
    def keeper_pid(self) -> int | None:
        """The process id of a guardian of our own."""
        return self._keeper.pid if self._keeper else None

    def run(
        self, steering: float, throttle: float, t_capture_ns: int, armed: bool | None, stop: bool | None
    ) -> tuple[int, str, str, bool, bool]:
        """Returns when the command was given, in ns of the camera's clock; the guardian's state and its reason; armed
        and stop as they are from now on: what the guardian has taken back, somebody has to give again.

        armed: only True arms; stop: whatever is not false stops. Raises GuardianLost.
        """
        now_ns, monotonic_ns = self._clock_ns(), time.monotonic_ns()
        armed, stop = armed is True, bool(stop)
        live = armed and not self._ended
        if live and not self._live:
            self._live_since_ns, self._held, self._why = monotonic_ns, False, ""
        self._live = live
        self._sequence += 1
        command = Command(
            steering,
            throttle,
            live,
            stop,
            max(0, monotonic_ns - max(0, now_ns - t_capture_ns)),  # the same age by the guardian's clock
            self._sequence,
        )
        try:
            state, reason = self._exchange(command, monotonic_ns)
        except Gone:
            state, reason = self._again(monotonic_ns)
        kept_back = live and (self._taken_back(state) or (state == "armed" and reason != ""))
        self.trips += kept_back and not self._kept_back
        self._kept_back = kept_back
        if live and self._taken_back(state):
            armed, stop = after(Act.STOP if state == "stopped" else Act.DISARM, armed, stop)
            self._why = "" if stop else reason
        elif state == "safe" and not live:
            reason = self._why or reason
        return self._clock_ns(), state, reason, armed, stop

    def neutral(self) -> None:
        """At once, and nothing but neutral from now on. May be called from a signal's handler."""
        self._ended = True
        if self._client is not None:
            with contextlib.suppress(Gone):  # the new one starts with neutral
                self._client.send(Command(0.0, 0.0, False, False, time.monotonic_ns()))

    def shutdown(self) -> None:
        self.neutral()
        if self._client is not None:
            self._client.close()  # which alone would do
        if self._keeper is not None:
            self._keeper.close()

    def _exchange(self, command: Command, now_ns: int) -> tuple[str, str]:
        if self._client is None:
            raise Gone
        self._client.send(command)
        self._sent.append((now_ns, command.t_frame_ns))
        status = self._client.receive()
        if status.state is State.FAILED:
            raise GuardianLost(status.reason)
        if status.t_ns >= self._asked_ns:
            self._asked_ns = now_ns
        answered = [frame_ns for sent_ns, frame_ns in self._sent if sent_ns <= status.t_ns]
        if answered:  # it says so once the pulse is written
            self.pulse_ms = (status.t_ns - answered[-1]) / 1e6
        silent_ns = now_ns - self._asked_ns
        if silent_ns > HANGS_NS and self._keeper is not None:  # else systemd's watchdog does it
            self._keeper.kill()
        if silent_ns > SILENT_NS:
            return "silent", "the guardian did not answer for a second: arm again"
        return status.state.name.lower(), status.reason

    def _again(self, now_ns: int) -> tuple[str, str]:
        """The guardian is gone: connect to the new one as soon as it is there. Raises GuardianLost."""
        if self._client is not None:
            self._client.close()
            self._client, self._gone_ns = None, now_ns
        if self._keeper is not None and self._keeper.failure:
            raise GuardianLost(self._keeper.failure)
        if now_ns - self._gone_ns > AWAY_NS:
            raise GuardianLost("the guardian died and was not restarted within 3 s")
        try:
            self._client = Client(self._wanted.folder)
        except OSError:
            return "gone", "the guardian died; a new one starts"
        self._asked_ns, self._why = now_ns, RESTARTED
        return "gone", RESTARTED

    def _taken_back(self, state: str) -> bool:
        """`armed` is said, and counts no more: a new guardian never heard of it, or the one there is has disarmed."""
        if self._client is None or state in ("gone", "silent"):
            return True
        if self._client.status.t_ns < self._live_since_ns:  # said before
            return False
        self._held = self._held or state == "armed"
        return state == "stopped" or (self._held and state != "armed")
