"""What travels over the guardian's socket: packets of a fixed size, one message each (SOCK_SEQPACKET keeps them whole).

A Command goes to the guardian, a Status comes back: one for each command, and one whenever the state changes.
"""

import math
import struct
from dataclasses import dataclass
from enum import IntEnum

_COMMAND = struct.Struct("<4sBBBxIddq")
_STATUS = struct.Struct("<4sBBxxHHIIq96s")
_COMMAND_MAGIC, _STATUS_MAGIC = b"SPC1", b"SPS1"
LARGEST = 512  # bytes; a packet that is longer is cut by recv, and refused

SHORTEST_US, LONGEST_US = 500.0, 2500.0  # what any servo or ESC takes for a pulse


class BadMessage(ValueError):
    """A packet that is no message. It is refused and counted; nothing moves."""


class Kind(IntEnum):
    """How a command's two numbers are meant."""

    DRIVE = 1  # steering and throttle, -1 .. 1
    PULSES = 2  # both in microseconds; calibration only


class State(IntEnum):
    """What the guardian allows."""

    SAFE = 0  # throttle neutral, not armed
    ARMED = 1  # commands reach the servos while they are fresh
    STOPPED = 2  # e-stop: neutral until it is released on purpose
    FAILED = 3  # the bus failed: neutral attempted, the guardian ends
    REFUSED = 4  # another program drives; this connection is closed


@dataclass(frozen=True)
class Command:
    """What the driving process wants now."""

    steering: float  # -1 full left .. 1 full right; microseconds where kind is PULSES
    throttle: float  # -1 .. 1; microseconds where kind is PULSES
    armed: bool  # the driver wants the car live
    stop: bool  # the e-stop is pressed
    t_frame_ns: int  # CLOCK_MONOTONIC: when the frame that this command answers was captured. Its age is enforced
    sequence: int = 0
    kind: Kind = Kind.DRIVE


@dataclass(frozen=True)
class Status:
    """What the guardian says."""

    state: State
    reason: str  # why the throttle is neutral; '' while commands reach the servos
    steering_us: int  # the pulses that stand in the chip
    throttle_us: int
    refused: int = 0  # packets that were no messages
    retries: int = 0  # bus writes that had to be repeated
    t_ns: int = 0  # CLOCK_MONOTONIC: when it was said
    live: bool = False  # armed, fresh, and not stopped: the command reached the chip


def encode_command(command: Command) -> bytes:
    """Raises BadMessage for a command that the other end would refuse."""
    _check(command)
    return _COMMAND.pack(
        _COMMAND_MAGIC,
        command.kind,
        command.armed,
        command.stop,
        command.sequence & 0xFFFFFFFF,
        command.steering,
        command.throttle,
        command.t_frame_ns,
    )


def decode_command(packet: bytes) -> Command:
    """Raises BadMessage for anything but a whole command with finite numbers in their range."""
    if len(packet) != _COMMAND.size:
        raise BadMessage(f"{len(packet)} bytes, not {_COMMAND.size}")
    magic, kind, armed, stop, sequence, steering, throttle, t_frame_ns = _COMMAND.unpack(packet)
    if magic != _COMMAND_MAGIC or packet[7] != 0:
        raise BadMessage("not a command")
    if kind not in (Kind.DRIVE, Kind.PULSES):
        raise BadMessage(f"no kind of command is {kind}")
    if armed > 1 or stop > 1:
        raise BadMessage("a flag that is neither 0 nor 1")
    command = Command(steering, throttle, bool(armed), bool(stop), t_frame_ns, sequence, Kind(kind))
    _check(command)
    return command


def _check(command: Command) -> None:
    low, high = (-1.0, 1.0) if command.kind is Kind.DRIVE else (SHORTEST_US, LONGEST_US)
    for name, value in (("steering", command.steering), ("throttle", command.throttle)):
        if not (math.isfinite(value) and low <= value <= high):
            raise BadMessage(f"{name} {value} is not in {low:g} .. {high:g}")
    if not 0 <= command.t_frame_ns < 2**63:
        raise BadMessage("a time that is none")


def encode_status(status: Status) -> bytes:
    """A reason longer than the packet has room for is cut."""
    return _STATUS.pack(
        _STATUS_MAGIC,
        status.state,
        status.live,
        status.steering_us,
        status.throttle_us,
        min(status.refused, 0xFFFFFFFF),
        min(status.retries, 0xFFFFFFFF),
        status.t_ns,
        status.reason.encode()[:96],
    )


def decode_status(packet: bytes) -> Status:
    """Raises BadMessage for anything but a whole status."""
    if len(packet) != _STATUS.size:
        raise BadMessage(f"{len(packet)} bytes, not {_STATUS.size}")
    magic, state, live, steering_us, throttle_us, refused, retries, t_ns, reason = _STATUS.unpack(packet)
    if magic != _STATUS_MAGIC or live > 1:
        raise BadMessage("not a status")
    try:
        known = State(state)
    except ValueError as error:
        raise BadMessage(f"no state is {state}") from error
    words = reason.rstrip(b"\0").decode(errors="ignore")
    return Status(known, words, steering_us, throttle_us, refused, retries, t_ns, bool(live))
