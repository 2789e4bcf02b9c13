"""`bench loop`, our side: the table of car/vehicle.py as it drives, but for the display, up to the chip's own log.

Started by car/bench_loop.py; prints a JSON list, a dictionary of milliseconds for each frame that was decided on.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from calibration.car_file import nominal
from car.bench_camera import WARM_UP, BenchCamera, load_frames
from car.driver_mode import DriverMode
from car.drivetrain import Drivetrain, wanted_guardian
from car.follower import Follower
from car.governor import Governor, Limits
from car.handover import Handover
from car.page.instruments import Instruments
from car.page.part import Page
from car.page.recordings import Recordings
from car.page.status import About
from car.policy import Policy
from car.preprocessing import Preprocessing
from car.simchip.process import LOG
from car.simchip.process import start as start_chip
from car.vehicle import Part, Vehicle, WhoRuns, parts_table
from car.wheel import PRETRAINED
from errors import UserError
from models.folder import Model, load_model
from settings import PROJECT, DriveSettings

LED0 = 0x06  # the chip's first channel register; four to a channel
STAGES = ("camera", "preprocessing", "policy", "mode, governor", "guardian, chip")
COME_WITHIN_S = 60.0  # on a busy machine, where all else goes before them
WIGGLE = 0.03  # of steering, to and fro: every command differs from the last, so that every one is written


class _Wiggling(DriverMode):
    def __init__(self) -> None:
        super().__init__(1.0)
        self._sign = 1

    def run(self, *inputs: Any) -> tuple[float, float]:
        steering, throttle = super().run(*inputs)
        self._sign = -self._sign
        return 0.9 * steering + self._sign * WIGGLE, throttle


class _Clock(WhoRuns):
    """In the place of the vehicle's profiler: when each part of the round was begun and done."""

    def __init__(self) -> None:
        self.began_ns: dict[str, int] = {}
        self.done_ns: dict[str, int] = {}

    def on_part_start(self, part: Part) -> None:
        super().on_part_start(part)
        self.began_ns[self.running] = time.monotonic_ns()

    def on_part_finished(self, part: Part) -> None:
        self.done_ns[type(part).__name__] = time.monotonic_ns()


class _Notes:
    """In the place of the display: notes the round's times, and ends the drive after so many."""

    def __init__(self, frames: int, clock: _Clock) -> None:
        self._frames, self._clock = frames, clock
        self.rounds: list[tuple[int, dict[str, int], dict[str, int]]] = []
        self.deciders: set[Path] = set()
        self.vehicle: Vehicle | None = None

    def run(self, _frame: object, t_ready_ns: int, *others: Any) -> None:
        clock = self._clock
        self.deciders.add(others[-1].folder)
        self.rounds.append((t_ready_ns, dict(clock.began_ns), dict(clock.done_ns)))
        if len(self.rounds) == self._frames and self.vehicle is not None:
            self.vehicle.on = False


@dataclass(frozen=True)
class Measured:
    """Of a drive."""

    samples: list[dict[str, float]]  # milliseconds by stage, and in total, of each frame that was decided on
    missed: int  # frames that the loop was too late for
    swaps: int  # models that took over on the way


def measure(
    frames: int,
    rate_hz: float,
    tub: str | None,
    folder: Path,
    handover: Handover | None = None,
    follower: Follower | None = None,
    viewers: int | None = None,
) -> Measured:
    """Drive so many frames; folder: for the chip's and the guardian's sockets. handover: the shipped model's, where it
    is left out. viewers: of the driver's page, whose parts are left out where it is None."""
    drive = DriveSettings()
    handover = handover or Handover(load_model(PRETRAINED))
    spec = handover.model.contract.observation
    page = None if viewers is None else _page(handover.model, folder)
    with _watched(page, viewers) if page and viewers else contextlib.nullcontext():  # before the guardian waits for us
        start_chip(folder / "simchip", alone_s=1)
        clock = _Clock()
        notes = _Notes(frames, clock)
        camera = BenchCamera(load_frames(spec, tub, luma=True), rate_hz)
        limits = Limits(drive.throttle_cap, drive.oldest_frame_s, drive.throttle_slew_per_s)
        drivetrain = Drivetrain(wanted_guardian("simchip", folder, drive.oldest_frame_s), camera.clock_ns)
        table = parts_table(
            camera=camera,
            preprocessing=Preprocessing(spec),
            policy=Policy(handover),
            driver_mode=_Wiggling(),
            governor=Governor(limits, camera.clock_ns),
            drivetrain=drivetrain,
            display=notes,
            page=page,
            instruments=Instruments(page.server, camera, pulse_ms=lambda: drivetrain.pulse_ms) if page else None,
        )
        vehicle = Vehicle(table, {"user/mode": "local", "user/armed": True, "user/stop": False})
        vehicle.profiler, notes.vehicle = clock, vehicle
        if follower is not None:
            vehicle.add(follower, threaded=True)
        camera.start()
        vehicle.drive()
    samples = _samples(notes.rounds[WARM_UP:], _steering_writes(folder / "simchip" / LOG))
    return Measured(samples, camera.overruns, len(notes.deciders) - 1)


def _page(model: Model, folder: Path) -> Page:
    actions = model.contract.actions
    about = About(
        "BENCH", DriveSettings().throttle_cap, actions=tuple(actions.decode(one) for one in range(len(actions)))
    )
    return Page(0, about, Recordings(folder), everyone=False)


@contextlib.contextmanager
def _watched(page: Page, viewers: int) -> Iterator[None]:
    """They are there before the drive begins, and until it is over. Raises UserError where they don't come."""
    command = [sys.executable, "-m", "car.bench_viewers", page.link, str(viewers)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=PROJECT)  # noqa: S603, our own
    server, deadline_s = page.server, time.monotonic() + COME_WITHIN_S
    try:
        while min(len(server.clients), server.camera.viewers, server.policy.viewers) < viewers:
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise UserError(f"the {viewers} viewers did not come; take fewer --viewers")
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _steering_writes(log: Path) -> list[int]:
    """When the steering's pulse was changed, in ns, by the chip's own log."""
    register = LED0 + 4 * nominal().steering.channel + 2  # the tick at which the pulse ends
    times_ns = []
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        data = bytes.fromhex(entry.get("write", ""))
        if data and data[0] <= register < data[0] + len(data) - 1:
            times_ns.append(int(entry["t_ns"]))
    return times_ns


def _samples(rounds: list[tuple[int, dict[str, int], dict[str, int]]], writes_ns: list[int]) -> list[dict[str, float]]:
    """Of each round with a decision: milliseconds by stage, and in total. A round without a write is left out."""
    samples = []
    ends_with = [began["Drivetrain"] for _, began, _ in rounds[1:]] + [sys.maxsize]
    for (ready_ns, began, done), until_ns in zip(rounds, ends_with, strict=True):
        decided = began["Policy"] > ready_ns
        written_ns = next((t_ns for t_ns in writes_ns if began["Drivetrain"] < t_ns < until_ns), None)
        if not decided or written_ns is None:
            continue
        ends_ns = (done["BenchCamera"], done["Preprocessing"], done["Policy"], began["Drivetrain"], written_ns)
        spans_ms = [(end - start) / 1e6 for start, end in pairwise((ready_ns, *ends_ns))]
        samples.append(dict(zip(STAGES, spans_ms, strict=True)) | {"total": (written_ns - ready_ns) / 1e6})
    return samples


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(**json.loads(sys.argv[1]), folder=Path(folder)).samples))
