"""Real processes to be hurt: the simulated chip, `manage.py drive` on it; and a clock that tells how late we wake."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from car.simchip.bus import SimulatedBus
from car.simchip.process import LOG, start
from car.simchip.registers import Registers, pulse_us
from settings import PROJECT

STEERING, THROTTLE = 1, 0  # channels
NEUTRAL_US = 1500.0
TICK_US = 102 / 25  # at 60 Hz the chip's counter goes to 4096 at 25 MHz / 102
KEPT_BYTES = 1 << 20  # of what a terminal has shown
STARTS_WITHIN_S = 60.0  # a loaded machine, two processes to start


@dataclass(frozen=True)
class Standing:
    """The pulses that stand in the chip from a time on."""

    t_ns: int
    throttle_us: float
    steering_us: float

    @property
    def neutral(self) -> bool:
        """Neutral, or no pulse at all."""
        return self.throttle_us == 0 or abs(self.throttle_us - NEUTRAL_US) < TICK_US


class Chip:
    """The simulated chip of a car, and its log."""

    def __init__(self, car: Path) -> None:
        self.folder = car / "simchip"
        start(self.folder, alone_s=30.0)
        self._bus = SimulatedBus(self.folder)  # keeps it on while the test lasts

    def wish(self, **faults: object) -> None:
        self._bus.wish(**faults)

    def log(self) -> list[dict]:
        lines = (self.folder / LOG).read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def history(self) -> list[Standing]:
        """What stood when, by the chip's own time stamps."""
        registers, standing = Registers(), []
        for entry in self.log():
            if "write" in entry:
                registers.write(bytes.fromhex(entry["write"]))
                pulses = pulse_us(registers.bytes, THROTTLE), pulse_us(registers.bytes, STEERING)
                standing.append(Standing(entry["t_ns"], *pulses))
        return standing

    def bursts_ms(self) -> list[float]:
        """How long each turn of the motor lasted."""
        moving_ns, bursts_ms = None, []
        for standing in self.history():
            if standing.neutral and moving_ns is not None:
                bursts_ms.append((standing.t_ns - moving_ns) / 1e6)
                moving_ns = None
            elif not standing.neutral and moving_ns is None:
                moving_ns = standing.t_ns
        return bursts_ms

    def now(self) -> Standing:
        return (self.history() or [Standing(0, 0.0, 0.0)])[-1]

    def wait(self, wanted, what: str, timeout_s: float = STARTS_WITHIN_S) -> Standing:
        """The last pulses, once they are as wanted."""
        for _ in range(int(timeout_s / 0.01)):  # counted, not timed: a machine that stood still has not waited
            if wanted(standing := self.now()):
                return standing
            time.sleep(0.01)
        raise AssertionError(f"{what} did not happen; {standing} stands")

    def wait_moving(self) -> None:
        self.wait(lambda standing: not standing.neutral, "the motor turning")

    def neutral_ms(self, event_ns: int, timeout_s: float = 10.0) -> float:
        """How long after the event the throttle came to neutral, to stay there; waits until it has."""
        self.wait(lambda standing: standing.neutral and standing.t_ns > event_ns, "neutral", timeout_s)
        time.sleep(0.4)  # it shall stay
        last_moving = max(i for i, standing in enumerate(self.history()) if not standing.neutral)
        return (self.history()[last_moving + 1].t_ns - event_ns) / 1e6

    def close(self) -> None:
        self._bus._socket.close()


@dataclass
class Lateness:
    """How late a thread that sleeps 2 ms at a time is woken, at worst, since `since_ns`. There is one per processor:
    what delays one, a host that takes it away for a while, does not delay the others."""

    _woken: list[tuple[int, float]] = field(default_factory=list)
    _ended: bool = False

    def __enter__(self) -> "Lateness":
        for processor in os.sched_getaffinity(0):
            threading.Thread(target=self._measure, args=[processor], daemon=True).start()
        return self

    def _measure(self, processor: int) -> None:
        os.sched_setaffinity(0, [processor])  # of this thread
        while not self._ended:
            before = time.monotonic_ns()
            time.sleep(0.002)
            now = time.monotonic_ns()
            self._woken.append((now, (now - before) / 1e6 - 2))

    def worst_ms(self, since_ns: int) -> float:
        return max((late for at, late in list(self._woken) if at >= since_ns), default=0.0)

    def __exit__(self, *_: object) -> None:
        self._ended = True


def take_precedence(process: "subprocess.Popen[Any]") -> None:
    """From now on it goes before all other work here, where the system allows that, as the guardian and the chip do:
    a program that computes waits for a processor much longer than a sleeping thread is woken late."""
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(5))


class Window:
    """A terminal that a program is started in. A thread reads what is shown, for a program stops where nobody does."""

    def __init__(self) -> None:
        self._outside, self.inside = pty.openpty()
        os.set_blocking(self._outside, False)
        self.pipes = {"stdin": self.inside, "stdout": self.inside}
        self._shown, self._closing = b"", threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def take(self) -> None:
        """In the new process, before the program: this is its terminal."""
        fcntl.ioctl(self.inside, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup

    def _watch(self) -> None:
        while not self._closing.wait(0.01):
            with contextlib.suppress(BlockingIOError):
                while not self._closing.is_set():  # 4 kB at a time, and a picture is 100
                    self._shown = self._shown[-KEPT_BYTES:] + os.read(self._outside, 1 << 16)

    def wait(self, text: bytes) -> None:
        """Until this is shown; only new text counts."""
        self._shown = b""
        for _ in range(3000):
            if text in self._shown:
                return
            time.sleep(0.01)
        raise AssertionError(f"{text!r} was not shown; the last was {self._shown[-2000:]!r}")

    def press(self, keys: bytes) -> None:
        os.write(self._outside, keys)

    def close(self) -> int:
        """The terminal goes away; returns when, in ns."""
        self._closing.set()
        self._thread.join()
        os.close(self.inside)
        gone_ns = time.monotonic_ns()
        os.close(self._outside)
        return gone_ns


class Drive:
    """`manage.py drive --drivetrain simchip`, the real program; with `hurt`, lines that break a part of it when
    `event()` is called."""

    def __init__(self, car: Path, *arguments: str, hurt: str = "", armed: bool = True, **popen: object) -> None:
        self.folder = car
        self._trigger, self._told = car / "trigger", car / "told"
        program = _HURT.format(trigger=str(self._trigger), told=str(self._told), hurt=hurt)
        start_it = ["-c", program] if hurt else [str(PROJECT / "manage.py")]
        options = ["drive", "--drivetrain", "simchip", "--car", str(car), *(["--armed"] if armed else []), *arguments]
        settings = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen(
            [sys.executable, *start_it, *options],
            cwd=PROJECT,
            text=True,
            start_new_session=True,
            **(settings | popen),  # type: ignore[arg-type]
        )

    def event(self) -> int:
        """Pull the trigger; returns when the broken part did its worst, in ns."""
        self._trigger.touch()
        for _ in range(10_000):
            if self._told.exists() and (text := self._told.read_text()).endswith("\n"):
                return int(text)
            time.sleep(0.002)
        raise AssertionError("the event did not happen")

    def guardian_pid(self) -> int:
        """Of the guardian that this drive has started."""
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"car.guardian" in words and str(self.folder / "simchip").encode() in words:
                    return int(entry.name)
        raise AssertionError("there is no guardian")

    def page_socket(self) -> str:
        """The address that its page talks to; it was started with stdout=PIPE."""
        assert self.process.stdout is not None
        found = re.search(r"http://(\S+)/\?token=(\S+)", self.process.stdout.readline())
        assert found, "no link to the page"
        return f"ws://{found[1]}/wsDrive?token={found[2]}"

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


_HURT = """
import sys, time, pathlib
import manage
TRIGGER, TOLD = pathlib.Path({trigger!r}), pathlib.Path({told!r})
def pulled():
    return TRIGGER.exists()
def now():
    if not TOLD.exists():
        TOLD.write_text(str(time.monotonic_ns()) + chr(10))
{hurt}
manage.main()
"""


@contextlib.contextmanager
def driving(car: Path, *arguments: str, hurt: str = "", **popen: object) -> Iterator[tuple[Chip, Drive, Lateness]]:
    """The motor turns; then it is the test's turn."""
    chip = Chip(car)
    drive = Drive(car, *arguments, hurt=hurt, **popen)
    try:
        with Lateness() as lateness:
            chip.wait_moving()
            take_precedence(drive.process)
            time.sleep(0.3)
            yield chip, drive, lateness
    finally:
        drive.end()
        chip.close()


_PAGE = """
import asyncio, json, sys
from tornado.websocket import websocket_connect

async def thumb(link):
    page = await websocket_connect(link, on_message_callback=lambda _: None)

    async def hold(throttle, **more):
        for _ in range(10):
            await page.write_message(json.dumps(dict(angle=-0.5, throttle=throttle, **more)))
            await asyncio.sleep(0.05)

    await hold(0.0, drive_mode="user")
    await hold(0.0, arm=True)
    while True:
        await hold(0.2)

asyncio.run(thumb(sys.argv[1]))
"""


@contextlib.contextmanager
def driven_by_page(car: Path) -> Iterator[tuple[Chip, "subprocess.Popen[bytes]", Lateness]]:
    """A person's page, which is a process of its own, has armed the car and keeps it moving; then it is the test's
    turn."""
    chip, page = Chip(car), None
    drive = Drive(car, "--port", "0", armed=False, stdout=subprocess.PIPE)
    try:
        page = subprocess.Popen([sys.executable, "-c", _PAGE, drive.page_socket()], cwd=PROJECT)
        with Lateness() as lateness:
            chip.wait_moving()
            for process in (drive.process, page):
                take_precedence(process)
            time.sleep(0.3)
            yield chip, page, lateness
    finally:
        if page:
            page.kill()
            page.wait()
        drive.end()
        chip.close()


def guardian_arguments(car: Path, folder: Path) -> list[str]:
    """To start another guardian for the same chip."""
    return [
        sys.executable,
        "-m",
        "car.guardian",
        "--bus",
        f"simchip:{car / 'simchip'}",
        "--servos",
        "{}",
        "--folder",
        str(folder),
    ]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}
