"""The guardian's loop: one thread that waits for commands, for the machine's next step, and for nothing else."""

import contextlib
import gc
import os
import selectors
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from types import FrameType

from car.guardian.chip import BusError, Chip, OutputEnable, open_bus, take_bus
from car.guardian.machine import Machine, Output
from car.guardian.messages import LARGEST, BadMessage, State, Status, decode_command, encode_status
from car.guardian.notify import Notifier
from car.guardian.pulses import Servos
from car.local_socket import listen

SOCKET = "guardian.sock"
DONE, BUS_FAILED, TAKEN = 0, 3, 4  # exit codes; 1 is any other refusal to start
GIVE_UP_NS = 2_000_000_000  # after the bus has failed, neutral is tried for so long
RETRY_NS = 20_000_000
DRIVERLESS_S = 10.0  # a guardian that belongs to one drive ends when that never comes
_PEER = struct.Struct("3i")  # pid, uid, gid of the other end


class Guardian:
    """Owns the bus from its construction until `run` returns."""

    def __init__(self, folder: Path, bus: str, servos: Servos, machine: Machine, *, one_driver: bool) -> None:
        """Neutral stands in the chip when this returns. one_driver: end when the first driving program does.

        Raises ServosTaken where another guardian has the bus, NoChip, UserError for the output-enable pin.
        """
        self._machine, self._one_driver = machine, one_driver
        self._lock = take_bus(bus)
        self._enable = OutputEnable(servos.output_enable_gpio)
        self._chip = Chip(open_bus(bus), servos)
        self._server = listen(folder, SOCKET)
        self._server.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)
        self._driver: socket.socket | None = None
        self._driver_pid = 0
        self._ending = False
        self._refused = 0
        self._said: tuple[State, str] | None = None
        self._notifier = Notifier()
        self._wake, wake = socket.socketpair()
        for end in (self._wake, wake):
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._wake_writer = wake
        self._selector.register(self._wake, selectors.EVENT_READ)
        for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):  # a terminal's signals are for the driver
            signal.signal(ignored, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_end)
        signal.signal(signal.SIGUSR1, self._on_stop)

    def run(self) -> int:
        """Until SIGTERM, the end of the one driver, or the failure of the bus. Returns the exit code."""
        deadline_ns = time.monotonic_ns() + int(1e9 * DRIVERLESS_S)
        try:
            output = self._step()
            self._enable.set(True)
            self._notifier.ready()
            while not self._ending:
                self._wait(output)
                self._notifier.alive()
                if self._one_driver and self._driver_pid == 0 and time.monotonic_ns() > deadline_ns:
                    break
                output = self._step()
        except BusError as error:
            return self._fail(str(error))
        finally:
            self._neutral_before_leaving()
        return DONE

    def _step(self) -> Output:
        """The machine's next step, into the chip; raises BusError."""
        output = self._machine.step(time.monotonic_ns())
        retries = self._chip.retries
        self._chip.write(output.pulses)
        if self._chip.retries > retries:
            say(f"a write to the I2C bus failed and was repeated ({self._chip.retries} so far)")
        self._tell(output)
        return output

    def _wait(self, output: Output) -> None:
        """Until something comes in, or the machine's next step or the watchdog is due."""
        timeout_s = self._notifier.period_s
        if output.next_ns is not None:
            timeout_s = min(timeout_s, max(0, output.next_ns - time.monotonic_ns()) / 1e9)
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._server:
                self._accept()
            elif key.fileobj is self._wake:
                with contextlib.suppress(BlockingIOError):
                    self._wake.recv(LARGEST)
            else:
                self._receive()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._server.accept()
            pid, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
            if uid not in (os.geteuid(), 0) or self._driver is not None:
                why = f"another program drives (process {self._driver_pid})" if self._driver else "another user's"
                connection.send(encode_status(Status(State.REFUSED, why, 0, 0)), socket.MSG_NOSIGNAL)
                connection.close()
                return
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ)
            self._driver, self._driver_pid, self._said = connection, pid, None

    def _receive(self) -> None:
        """All packets that have come in; the last one counts, but a pressed e-stop always does."""
        assert self._driver is not None  # noqa: S101 - only a driver's socket gets here
        while True:
            try:
                packet = self._driver.recv(LARGEST)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._forget_driver()
                return
            try:
                command = decode_command(packet)
            except BadMessage as error:
                self._refused += 1
                if self._refused.bit_count() == 1:  # 1, 2, 4, 8 ...: a flood does not fill a disk
                    say(f"refused {self._refused} packets so far; the last: {error}")
                continue
            self._machine.take(command, time.monotonic_ns())
            self._said = None  # every command is answered

    def _forget_driver(self) -> None:
        assert self._driver is not None  # noqa: S101 - see _receive
        self._selector.unregister(self._driver)
        self._driver.close()
        self._driver = None
        self._machine.driver_gone()
        self._ending = self._ending or self._one_driver

    def _tell(self, output: Output) -> None:
        if self._driver is None or self._said == (output.state, output.reason):
            return
        self._said = (output.state, output.reason)
        status = Status(
            output.state,
            output.reason,
            round(output.pulses.steering_us),
            round(output.pulses.throttle_us),
            self._refused,
            self._chip.retries,
            time.monotonic_ns(),
            live=output.state is State.ARMED and not output.reason,
        )
        with contextlib.suppress(OSError):  # a driver that does not listen, or is gone: recv finds that out
            self._driver.send(encode_status(status), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def _fail(self, reason: str) -> int:
        """Outputs off where there is a wire for it; neutral tried for a while; and never armed again."""
        self._enable.set(False)
        self._machine.fail(reason)
        output = self._machine.step(time.monotonic_ns())
        self._tell(output)
        give_up_ns = time.monotonic_ns() + GIVE_UP_NS
        while not (stands := self._chip.neutral(output.pulses)) and time.monotonic_ns() < give_up_ns:
            time.sleep(RETRY_NS / 1e9)
        say(f"{reason}; " + ("neutral stands in the chip" if stands else "NEUTRAL COULD NOT BE WRITTEN: cut the power"))
        return BUS_FAILED

    def _neutral_before_leaving(self) -> None:
        """The chip would hold the last pulse for ever, and the driver's deinit() does not change that."""
        self._machine.driver_gone()
        self._machine.stop()
        pulses = self._machine.step(time.monotonic_ns()).pulses
        try:
            self._chip.write(pulses)
        except BusError:
            self._chip.neutral(pulses)
        self._enable.set(False)

    def _on_end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._machine.stop()


def say(line: str) -> None:
    """To stderr, if that is still there: a closed terminal must not end the guardian."""
    with contextlib.suppress(OSError, ValueError):
        print(f"guardian: {line}", file=sys.stderr, flush=True)


def take_precedence() -> None:
    """Before the programs that think, where the system allows it (systemd: LimitRTPRIO=10)."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(10))
    for score in ("-900", "0"):  # when memory runs out, others go first; undoes what the driving program set
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(score)
            break
    gc.freeze()  # what was imported is not looked through again
