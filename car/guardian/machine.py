"""What stands in the chip, and why: a state machine without clock, socket or bus. Commands and times in, pulses out.

Whatever comes in, the throttle is neutral unless the car is armed and the frame behind the newest command is fresh.
"""

from dataclasses import dataclass

from car.guardian.messages import Command, Kind, State
from car.guardian.pulses import (
    LONGEST_STEP_S,
    ReverseGear,
    Servos,
    slew,
    slew_throttle,
    steering_pulse,
    throttle_pulse,
)

DEADMAN_NS = 200_000_000  # of the 250 ms that are promised; the rest is for a late scheduler and the bus
DISARM_NS = 1_000_000_000  # a car that was silent for so long does not drive on by itself when it wakes
BURST_NS = 500_000_000  # in calibration the motor turns no longer at a time
RAMP_NS = 10_000_000  # how often a slew or a shift into reverse is carried on


@dataclass(frozen=True)
class Pulses:
    """What shall stand in the chip."""

    steering_us: float
    throttle_us: float


@dataclass(frozen=True)
class Output:
    """One step of the machine."""

    pulses: Pulses
    state: State
    reason: str  # '' while commands reach the servos
    next_ns: int | None  # when to step again even if nothing comes in


class Machine:
    """Armed by a rising edge of `armed`; disarmed by its fall, by the driver's death, by silence, by the e-stop."""

    def __init__(self, servos: Servos, *, deadman_ns: int = DEADMAN_NS, calibrating: bool = False) -> None:
        """calibrating: commands are pulses, within 500 us of neutral and for at most BURST_NS off it; no others."""
        self._servos, self._deadman_ns = servos, deadman_ns
        self._kind = Kind.PULSES if calibrating else Kind.DRIVE
        self._state, self._reason = State.SAFE, "not armed"
        self._may_arm = True  # `armed` was seen low since it last was taken away
        self._command: Command | None = None
        self._gear = ReverseGear(servos.reverse)
        self._steering, self._throttle = 0.0, 0.0  # what is given now, -1 .. 1
        self._pulses = Pulses(servos.centre_us, servos.neutral_us)
        self._stepped_ns: int | None = None
        self._burst_ns: int | None = None  # since when the throttle's pulse is off neutral
        self._burst_over = False

    @property
    def state(self) -> State:
        return self._state

    def take(self, command: Command, now_ns: int) -> None:
        """A command has come in."""
        if self._state is State.FAILED:
            return
        self._command = command
        if command.stop:
            self._latch("stopped: let go of STOP, then arm again")
        elif not command.armed:
            self._may_arm = True
            self._safe("not armed")
        elif self._state is State.SAFE and self._may_arm and self._fresh(command, now_ns):
            self._state, self._reason = State.ARMED, ""

    def driver_gone(self) -> None:
        """The driving program's end of the socket was closed: it ended, was killed, or crashed. A latch stays."""
        self._command, self._may_arm = None, True
        if self._state is State.ARMED:
            self._safe("the driving program is gone")

    def stop(self) -> None:
        """The e-stop, from a signal."""
        if self._state is not State.FAILED:
            self._latch("stopped by a signal: arm again")

    def fail(self, reason: str) -> None:
        """The bus failed. For good."""
        self._state, self._reason = State.FAILED, reason

    def step(self, now_ns: int) -> Output:
        """The pulses that shall stand in the chip from now on."""
        since_s = 0.0 if self._stepped_ns is None else max(0, now_ns - self._stepped_ns) / 1e9
        self._stepped_ns = now_ns
        command, reason = self._command, self._reason
        if self._state is State.ARMED:
            assert command is not None  # noqa: S101 - take() armed it
            age_ns = now_ns - command.t_frame_ns
            if age_ns > DISARM_NS:
                self._may_arm = False
                self._safe(reason := "silent for more than 1 s: arm again")
            elif not self._fresh(command, now_ns):
                reason = f"no command on a frame newer than {self._deadman_ns // 1_000_000} ms"
            elif command.kind is not self._kind:
                reason = "calibrating: commands are pulses" if self._kind is Kind.PULSES else "not calibrating"
            else:
                return self._live(command, now_ns, min(since_s, LONGEST_STEP_S))
        self._throttle = self._gear.shift(0.0, now_ns)
        self._burst_ns = None
        self._pulses = Pulses(self._pulses.steering_us, self._servos.neutral_us)  # the wheels are held
        waking_ns = command.t_frame_ns + DISARM_NS + 1 if self._state is State.ARMED and command else None
        return Output(self._pulses, self._state, reason, waking_ns)

    def _live(self, command: Command, now_ns: int, since_s: float) -> Output:
        reason = ""
        next_ns = command.t_frame_ns + self._deadman_ns + 1
        if self._kind is Kind.PULSES:
            throttle_us, reason = self._burst(command.throttle, now_ns)
            self._pulses = Pulses(command.steering, throttle_us)
            if self._burst_ns is not None:
                next_ns = min(next_ns, self._burst_ns + BURST_NS)
        else:
            servos = self._servos
            self._steering = slew(self._steering, command.steering, servos.steering_slew_per_s * since_s)
            wanted = self._gear.shift(command.throttle, now_ns)
            self._throttle = slew_throttle(self._throttle, wanted, servos.throttle_slew_per_s * since_s)
            self._pulses = Pulses(steering_pulse(servos, self._steering), throttle_pulse(servos, self._throttle))
            if self._steering != command.steering or self._throttle != wanted or self._gear.shifting:
                next_ns = min(next_ns, now_ns + RAMP_NS)
        return Output(self._pulses, self._state, reason, next_ns)

    def _burst(self, throttle_us: float, now_ns: int) -> tuple[float, str]:
        neutral_us = self._servos.neutral_us
        throttle_us = min(max(throttle_us, neutral_us - 500), neutral_us + 500)
        if throttle_us == neutral_us:
            self._burst_ns, self._burst_over = None, False
        elif self._burst_ns is None:
            self._burst_ns = now_ns
        if self._burst_ns is not None and now_ns - self._burst_ns >= BURST_NS:
            self._burst_ns, self._burst_over = None, True
        if self._burst_over:
            self._burst_ns = None
            return neutral_us, "the burst is over: command neutral before the next"
        return throttle_us, ""

    def _fresh(self, command: Command, now_ns: int) -> bool:
        return 0 <= now_ns - command.t_frame_ns <= self._deadman_ns

    def _safe(self, reason: str) -> None:
        self._state, self._reason = State.SAFE, reason

    def _latch(self, reason: str) -> None:
        self._state, self._reason, self._may_arm = State.STOPPED, reason, False
