"""A car that follows a channel: real drives on the simulated chip, a real following process, a real store."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from car import follower as module
from car.driver_mode import DriverMode
from car.follower import Follower
from car.governor import Governor, Limits
from car.handover import Handover
from car.policy import Policy
from car.preprocessing import Preprocessing
from car.simulated import SimulatedCamera, SimulatedCar, SimulatedDrivetrain
from car.vehicle import Row, Vehicle, parts_table
from car.wheel import PRETRAINED, take_the_wheel
from models.folder import load_model
from models.install import install
from models.installed import MOST_STARTS, CarModels
from storage.tub import Tub
from tests.car.hazards import Chip, Drive, Lateness, driving
from tests.conftest import assert_one_line
from tests.models.installing import Store, small_model
from tests.models.lies import LIES, flipped_bit, manifest_of_another_key, older_sequence, two_gigabytes
from tests.models.test_installed import put

TRIES = 4  # of runs in which the machine itself may have stood still


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """With `first` on the channel, known as good by the car that drives it."""
    store = Store(str(tmp_path / "store"), tmp_path)
    digest = store.publish(small_model(tmp_path, "first"))
    install(store.place, "stable", store.car, store.trusted)
    store.models.activate(digest)
    store.models.passed(digest)
    (store.car / "settings.toml").write_text("[models]\npoll_s = 0.2\n")
    return store


class Following:
    """A drive that follows, and what it says."""

    def __init__(self, store: Store, chip: Chip, drive: Drive, lateness: Lateness, said: Path, shown: Path) -> None:
        self.store, self.chip, self.drive, self.lateness = store, chip, drive, lateness
        self._said, self._shown = said, shown
        self.began_ns = time.monotonic_ns()

    def waits_for(self, words: str) -> None:
        self._waits(lambda: words in self._said.read_text(), words)

    def late_frames(self) -> int:
        """Since its start, by its next status line."""
        before = self._shown.read_text().count("\n")
        self._waits(lambda: self._shown.read_text().count("\n") > before, "a status line")
        return late_frames(self._shown.read_text().splitlines()[before])

    def _waits(self, said: Callable[[], bool], what: str) -> None:
        for _ in range(30_000):  # counted, not timed: a machine that stood still has not waited
            if said():
                return
            assert self.drive.process.poll() is None, self._said.read_text()
            time.sleep(0.01)
        raise AssertionError(f"{what!r} was not said, but {self._said.read_text()!r}")

    def never_stood(self) -> bool:
        after = [standing for standing in self.chip.history() if standing.t_ns > self.began_ns]
        return not any(standing.neutral for standing in [*after, self.chip.now()])

    def end(self) -> str:
        """Ctrl-C; the last status line."""
        self.drive.process.send_signal(signal.SIGINT)
        assert self.drive.process.wait(timeout=60) == 0, self._said.read_text()
        return self._shown.read_text().splitlines()[-1]


def late_frames(status: str) -> int:
    return int(re.search(r"late frames (\d+) ", status)[1])


@contextmanager
def following(store: Store, *arguments: str) -> Iterator[Following]:
    """The motor turns."""
    said, shown = store.folder / "said", store.folder / "shown"
    with open(said, "w") as err, open(shown, "w") as out:
        words = ["--follow", "stable", "--place", store.place.where, "--no-page", *arguments]
        with driving(store.car, *words, stderr=err, stdout=out) as (chip, drive, lateness):
            yield Following(store, chip, drive, lateness, said, shown)


# Ends with whoever started it, even where that is killed.
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"


@contextmanager
def load() -> Iterator[None]:
    """Twice as many busy programs as processors."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_hot_under_load_no_frame_is_missed_and_each_is_decided_on_by_one_model(store: Store, tmp_path: Path) -> None:
    """Three new models while the car drives at 20 frames a second. Frames are counted, on the camera's side and in the
    recording; those of its start are not about models. A run in which the machine itself was late by half a frame says
    nothing, and is repeated."""
    for attempt in range(TRIES):
        names = [f"new-{attempt}-{number}" for number in range(3)]
        with following(store, "--hot", "--record") as drive, load():
            before, since_ns = drive.late_frames(), time.monotonic_ns()
            for name in names:
                store.publish(small_model(tmp_path, name))
                drive.waits_for(f"the model {name} has the wheel")
            time.sleep(0.5)
            assert drive.never_stood()
            late_ms = drive.lateness.worst_ms(since_ns)
            last = drive.end()
        [tub] = (store.car / "drives").glob("*-tub")
        records = Tub(tub).records
        assert [record.index for record in records] == list(range(len(records)))
        blocks = [name.split("@")[0] for name, _ in groupby(_model_ids(tub))]
        assert blocks[-3:] == names
        assert len(set(blocks)) == len(blocks)  # each of them in one piece
        for left in (store.car / "drives").iterdir():
            shutil.rmtree(left)
        if late_frames(last) == before:
            return
        assert late_ms > 25, f"{last}; {before} of them before; and the machine was late by {late_ms:.1f} ms at most"
    pytest.skip("the machine was too busy to tell, each time")


def _model_ids(tub: Path) -> list[str]:
    """As donkeycar reads it."""
    from donkeycar.parts.tub_v2 import Tub as DonkeyTub

    return [record["model/id"] for record in DonkeyTub(str(tub), read_only=True) if "model/id" in record]


def test_while_it_moves_a_new_model_waits_and_takes_over_at_the_next_start(store: Store, tmp_path: Path) -> None:
    with following(store) as drive:
        second = store.publish(small_model(tmp_path, "second"))
        drive.waits_for("the model second is ready")
        time.sleep(1.5)
        assert store.models.ready() == second
        drive.end()
    assert load_model(store.models.current()).manifest.name == "first"
    with following(store) as drive:
        drive.end()
    assert load_model(store.models.current()).manifest.name == "second"
    assert store.models.on_trial() == second  # half a second of driving is no trial


def test_a_car_that_stands_takes_it_at_once(store: Store, tmp_path: Path) -> None:
    chip, said = Chip(store.car), store.folder / "said"
    with open(said, "w") as err:
        words = ["--follow", "stable", "--place", store.place.where, "--no-page"]
        drive = Drive(store.car, *words, armed=False, stderr=err)
        try:
            chip.wait(lambda standing: standing.throttle_us > 0, "a pulse")
            store.publish(small_model(tmp_path, "second"))
            follow = Following(store, chip, drive, Lateness(), said, said)
            follow.waits_for("the model second has the wheel, on trial")
            assert all(standing.neutral for standing in chip.history())
        finally:
            drive.end()
            chip.close()


def test_a_bucket_that_lies_is_told_of_and_the_car_drives_on(store: Store) -> None:
    lies = [flipped_bit, two_gigabytes, manifest_of_another_key, older_sequence]
    with following(store, "--hot") as drive:
        for lie in lies:
            lie(store)
            _said(drive, LIES[lie])
        assert drive.never_stood()
        drive.end()
    assert load_model(store.models.current()).manifest.name == "first" or store.models.on_trial()


def _said(drive: Following, pattern: str) -> None:
    import re

    for _ in range(30_000):
        if re.search(pattern, drive._said.read_text()):
            return
        time.sleep(0.01)
    raise AssertionError(f"{pattern} was not said, but {drive._said.read_text()!r}")


def test_a_trip_of_the_guardian_puts_the_model_on_trial_back(store: Store, tmp_path: Path) -> None:
    with following(store, "--hot") as drive:
        second = store.publish(small_model(tmp_path, "second"))
        drive.waits_for("the model second has the wheel, on trial")
        os.kill(drive.drive.guardian_pid(), signal.SIGKILL)
        drive.waits_for("the model second failed its trial, and the one before it drives again: the guardian stopped")
        assert store.models.bad(second).why == "the guardian stopped the car"
        drive.waits_for(f"the model {second[:8]} of stable failed on this car")
        drive.end()
    assert load_model(store.models.current()).manifest.name == "first"


def test_the_following_process_is_killed_and_the_car_drives_on(store: Store) -> None:
    with following(store) as drive:
        drive.waits_for("")
        for pid in _followers(store):
            os.kill(pid, signal.SIGKILL)
        drive.waits_for("following stable broke off; it starts again")
        assert drive.never_stood()
        drive.end()
    assert not _followers(store)


def _followers(store: Store) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"models.follow" in words and str(store.car).encode() in words:
                found.append(int(entry.name))
    return found


def test_the_page_names_the_channel(store: Store) -> None:
    shown = store.folder / "shown"
    words = ["--follow", "stable", "--place", store.place.where, "--port", "0"]
    with open(shown, "w") as out, driving(store.car, *words, stdout=out) as (_, drive, _):
        link = re.search(r"http://\S+", shown.read_text())
        assert link, shown.read_text()
        with urllib.request.urlopen(link[0].replace("/?", "/status?")) as answer:  # noqa: S310 - of our own drive
            model = json.load(answer)["model"]
        drive.process.send_signal(signal.SIGINT)
        drive.process.wait(timeout=60)
    assert (model["name"], model["channel"]) == ("first", "stable")


def test_the_following_process_ends_with_a_drive_that_is_killed(store: Store) -> None:
    with following(store) as drive:
        assert _followers(store)
        drive.drive.process.kill()
        drive.drive.process.wait()
        for _ in range(3000):
            if not _followers(store):
                return
            time.sleep(0.01)
    raise AssertionError("it goes on without a drive")


class Counter:
    """A part that counts rounds, and lets others wait for so many more of them."""

    def __init__(self, most: Callable[[], bool]) -> None:
        self.rounds, self._over = 0, most
        self._news = threading.Condition()
        self.vehicle: Vehicle | None = None

    def run(self) -> None:
        with self._news:
            self.rounds += 1
            self._news.notify_all()
        if self._over():
            self.vehicle.on = False

    def more(self, rounds: int) -> bool:
        """Blocks for so many rounds; False where the loop stands still."""
        with self._news:
            wanted = self.rounds + rounds
            return self._news.wait_for(lambda: self.rounds >= wanted, timeout=60)


def test_the_loop_never_waits_for_what_is_loaded_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading, and every word to the disk, wait here for twenty more frames: a loop that waited for them would hang."""
    models = CarModels(tmp_path)
    digest = put(models, small_model(tmp_path, "second"))
    handover = Handover(load_model(PRETRAINED), hot=True)
    follower = Follower(tmp_path, handover, None)
    went_on: list[bool] = []

    def slowly(function: Callable) -> Callable:
        def slow(*given: object) -> object:
            went_on.append(counter.more(20))
            return function(*given)

        return slow

    monkeypatch.setattr(module, "load_model", slowly(load_model))
    for name in ("activate", "begin"):
        monkeypatch.setattr(CarModels, name, slowly(getattr(CarModels, name)))
    car = SimulatedCar(handover.model.contract.observation, seed=1)
    camera = SimulatedCamera(car, realtime=False)
    counter = Counter(lambda: len(went_on) == 3 and models.on_trial() is not None)
    table = parts_table(
        camera=camera,
        preprocessing=Preprocessing(handover.model.contract.observation),
        policy=Policy(handover),
        driver_mode=DriverMode(1.0),
        governor=Governor(Limits(0.2, 0.2, 4.0), camera.clock_ns),
        drivetrain=SimulatedDrivetrain(car, camera.clock_ns),
        display=_Nothing(),
    )
    vehicle = Vehicle([*table, Row(counter)], {"user/mode": "local", "user/armed": True, "user/stop": False})
    counter.vehicle = vehicle
    vehicle.add(follower, threaded=True)
    handover.events.put({"ready": digest, "says": ""})
    vehicle.drive()
    assert went_on == [True, True, True]
    assert handover.model.manifest.name == "second"
    assert models.on_trial() == digest


class _Nothing:
    def run(self, *_: object) -> None:
        pass


def test_drives_that_are_killed_are_counted_and_the_model_is_put_back(store: Store, tmp_path: Path, capsys) -> None:
    second = store.publish(small_model(tmp_path, "second"))
    install(store.place, "stable", store.car, store.trusted)
    store.models.activate(second)
    for _ in range(MOST_STARTS):
        wheel = take_the_wheel(store.car, None)
        assert wheel.model.manifest.name == "second"
        assert wheel.handover.before.manifest.name == "first"
    assert take_the_wheel(store.car, None).model.manifest.name == "first"
    assert f"put back: {MOST_STARTS} drives with it broke off" in capsys.readouterr().err
    assert take_the_wheel(store.car, None).follower is None


def test_a_model_on_trial_that_rotted_on_the_card_gives_way(store: Store, tmp_path: Path, capsys) -> None:
    second = store.publish(small_model(tmp_path, "second"))
    install(store.place, "stable", store.car, store.trusted)
    store.models.activate(second)
    file = store.models.path(second) / "model.tflite"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    wheel = take_the_wheel(store.car, None)
    assert wheel.model.manifest.name == "first"
    assert "put back" in capsys.readouterr().err
    assert "sha256 differs" in store.models.bad(second).why


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hot"], ["--hot and --place are about a channel"]),
        (["--place", "somewhere"], ["--hot and --place are about a channel"]),
        (["--follow", "stable", "--model", "runs/x"], ["--follow drives what its channel names"]),
    ],
)
def test_what_makes_no_sense_is_one_line(manage, arguments: list[str], words: list[str]) -> None:
    assert_one_line(manage("drive", *arguments), *words)
