"""The car as one table: which part reads what, which part writes what, in the order they run.

The loop is donkeycar's `Vehicle`. It is paced by the camera, whose `run` blocks until there is a new frame; all other
parts return at once.
"""

import contextlib
import gc
import io
import os
import signal
import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any, Protocol

os.environ.setdefault("LOGLEVEL", "WARNING")  # donkeycar sets up logging when it is imported ...
with contextlib.redirect_stdout(io.StringIO()):  # ... and prints a banner
    from donkeycar.vehicle import Vehicle as DonkeyVehicle

from errors import UserError

SWITCH_S = (
    0.0005  # so soon the threads of page and follower give the loop its turn; Python's own 5 ms are a tenth of it
)
ASK_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class PartFailed(UserError):
    """A part raised while driving. The message names the part and the reason."""


class Part(Protocol):
    """donkeycar's part: `run` takes the row's inputs and returns its outputs; `shutdown`, if there is one, ends it."""

    def run(self, *inputs: Any) -> Any: ...


@dataclass(frozen=True)
class Row:
    """A line of the table. The part is skipped while the memory's `when` is false, and its outputs then stay."""

    part: Part | None  # None: this car goes without
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    when: str | None = None


def parts_table(
    *,
    camera: Part,
    preprocessing: Part,
    policy: Part,
    driver_mode: Part,
    governor: Part,
    drivetrain: Part,
    display: Part,
    pad: Part | None = None,
    page: Part | None = None,
    instruments: Part | None = None,
    terminal: Part | None = None,
    recorder: Part | None = None,
) -> list[Row]:
    """From light to servo. What one of the pad, the page and the terminal leaves alone passes through it."""
    # fmt: off
    return [
        Row(camera, (),
            ("cam/image_array", "cam/t_capture_ns", "cam/sequence")),
        Row(preprocessing, ("cam/image_array", "cam/t_capture_ns"),
            ("pilot/observation", "pilot/due")),
        Row(policy, ("pilot/observation", "throttle", "user/mode"),
            ("pilot/action", "pilot/steering", "pilot/throttle", "pilot/advantages", "pilot/inference_ms",
             "pilot/model"),
            when="pilot/due"),
        Row(pad, ("user/mode", "recording", "user/armed", "user/stop"),
            ("user/steering", "user/throttle", "user/mode", "recording", "user/armed", "user/stop", "user/pad_drives")),
        Row(page, ("cam/image_array", "tub/num_records", "user/mode", "recording", "user/armed", "user/stop",
                   "user/steering", "user/throttle", "user/pad_drives",
                   "steering", "throttle", "governor/reason", "guardian/reason", "recorder/note"),
            ("user/steering", "user/throttle", "user/mode", "recording", "user/armed", "user/stop")),
        Row(terminal, ("user/armed", "user/stop"),
            ("user/armed", "user/stop")),
        Row(driver_mode, ("user/mode", "user/steering", "user/throttle", "pilot/steering", "pilot/throttle"),
            ("wanted/steering", "wanted/throttle")),
        Row(governor, ("wanted/steering", "wanted/throttle", "cam/t_capture_ns", "user/armed", "user/stop"),
            ("steering", "throttle", "governor/reason")),
        Row(drivetrain, ("steering", "throttle", "cam/t_capture_ns", "user/armed", "user/stop"),
            ("drivetrain/t_command_ns", "guardian/state", "guardian/reason", "user/armed", "user/stop")),
        Row(instruments, ("cam/t_capture_ns", "drivetrain/t_command_ns", "steering", "throttle",
                          "user/armed", "user/stop", "governor/reason", "guardian/state", "guardian/reason",
                          "pilot/observation", "pilot/steering", "pilot/throttle", "pilot/action", "pilot/advantages",
                          "pilot/inference_ms")),
        Row(display, ("cam/image_array", "cam/t_capture_ns", "drivetrain/t_command_ns", "steering", "throttle",
                      "governor/reason", "pilot/advantages", "guardian/reason", "pilot/model")),
        Row(recorder, ("recording", "cam/image_array", "user/steering", "user/throttle", "user/mode",
                       "pilot/steering", "pilot/throttle", "pilot/action", "pilot/advantages",
                       "steering", "throttle", "cam/t_capture_ns", "drivetrain/t_command_ns", "pilot/model"),
            ("recording", "tub/num_records", "recorder/note")),
    ]
    # fmt: on


class Vehicle(DonkeyVehicle):  # type: ignore[misc]  # donkeycar has no types
    """donkeycar's vehicle, without two of its manners: a part that raises is a failure, and nothing grows for ever."""

    def __init__(self, table: list[Row], memory: dict[str, Any]) -> None:
        super().__init__()
        self.profiler = WhoRuns()  # donkeycar's profiler keeps every duration of every part: 69 MB an hour
        self.failure: Exception | None = None
        for row in table:
            if row.part is None:
                continue
            self.add(row.part, list(row.reads), list(row.writes), run_condition=row.when)
        for key, value in memory.items():
            self.mem[key] = value

    def drive(self) -> None:
        """Run the loop until a part stops it (`on = False`), Ctrl-C, or a failure. Parts are shut down in any case.

        Raises PartFailed, from the part's own exception.
        """
        asked = {number: signal.signal(number, self._asked_to_end) for number in ASK_TO_END}
        if asked[signal.SIGHUP] is signal.SIG_IGN:  # nohup: it shall outlive its terminal. Ctrl-C always counts
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            self._loop()
        finally:
            for number, handler in asked.items():
                signal.signal(number, handler)
        if self.failure:
            cause = (
                f"{type(self.failure).__name__}: {self.failure}" if str(self.failure) else type(self.failure).__name__
            )
            raise PartFailed(f"{self.profiler.running} failed while driving: {cause}") from self.failure

    def _loop(self) -> None:
        """donkeycar's start(), but for its sleep by the wall clock: when that is set back, the car drives on blindly.
        Here the camera sets the pace."""
        sys.setswitchinterval(SWITCH_S)
        gc.collect()
        gc.freeze()  # what is here by now is not looked through again, which would take as long as a frame may
        try:
            self.on = True
            for entry in self.parts:
                if thread := entry.get("thread"):
                    thread.start()
            while self.on:
                self.update_parts()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def stop(self) -> None:
        """End all parts; the car stands before the first of them takes its time."""
        self._neutral()
        super().stop()

    def _neutral(self) -> None:
        """Whoever holds the wires lets go of them now: a part with a method of that name."""
        for entry in self.parts:
            if neutral := getattr(entry["part"], "neutral", None):
                neutral()

    def _asked_to_end(self, number: int, _frame: FrameType | None) -> None:
        """Ctrl-C, a supervisor's SIGTERM, or the SIGHUP of a terminal that went away: neutral first, then the rest."""
        self._neutral()
        raise KeyboardInterrupt

    def update_parts(self) -> None:
        """One round of the table. donkeycar's start() would print a part's exception and return as if all were well."""
        try:
            super().update_parts()
        except Exception as error:  # whatever a part raises ends the drive, with its name
            self.failure, self.on = error, False


class WhoRuns:
    """Stands in for donkeycar's profiler: remembers the part that runs, so that a failure can name it."""

    running = "the vehicle"

    def profile_part(self, part: Part) -> None:
        pass

    def on_part_start(self, part: Part) -> None:
        self.running = type(part).__name__

    def on_part_finished(self, part: Part) -> None:
        pass

    def report(self) -> None:
        pass
