"""Every way in which a Donkey car is known to run away (docs/safety.md), caused on real processes; then the simulated
chip is read, by its own time stamps.

The limits are the promised ones. While it is measured, the driving program goes before the machine's other work. Still
a busy machine wakes its processes late; how late is measured by threads of the test's own in the same window, and that
much is allowed for each of the three processes between event and chip.
"""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from tornado.websocket import websocket_connect

from car.drivetrain import HANGS_NS
from car.guardian.client import Client
from car.guardian.messages import Command, State
from settings import PROJECT
from tests.car.hazard_table import HAZARDS, record
from tests.car.hazards import (
    NEUTRAL_US,
    TICK_US,
    Chip,
    Drive,
    Lateness,
    Window,
    driven_by_page,
    driving,
    environment,
    guardian_arguments,
)
from tests.car.page.test_server import hear, say

PROCESSES = 3
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.fixture
def car(tmp_path: Path) -> Path:
    folder = tmp_path / "car"
    folder.mkdir()
    return folder


def stands_in_time(row: int, chip: Chip, event_ns: int, lateness: Lateness, note: str = "") -> None:
    limit_ms = HAZARDS[row].limit_ms
    assert limit_ms is not None
    measured_ms, late_ms = chip.neutral_ms(event_ns), lateness.worst_ms(event_ns)
    assert measured_ms <= limit_ms + PROCESSES * late_ms, f"{measured_ms:.1f} ms, woken up to {late_ms:.1f} ms late"
    record(row, measured_ms=measured_ms, late_ms=late_ms, note=note)


def ended(drive: Drive) -> str:
    """The driving process has ended; its complaints."""
    return drive.process.communicate(timeout=30)[1]


@pytest.mark.parametrize(("row", "number"), [(1, signal.SIGTERM), (3, signal.SIGKILL), (4, signal.SIGINT)])
def test_signals(car: Path, row: int, number: signal.Signals) -> None:
    """To the whole process group, as a terminal sends them: the guardian must not be hit."""
    with driving(car) as (chip, drive, lateness):
        event_ns = time.monotonic_ns()
        os.killpg(drive.process.pid, number)
        stands_in_time(row, chip, event_ns, lateness)
        complaints = ended(drive)
        assert drive.process.returncode == (-9 if number == signal.SIGKILL else 0), complaints
        assert "Traceback" not in complaints


def test_2_the_terminal_goes_away(car: Path) -> None:
    """A real one, whose other end is closed: the kernel sends SIGHUP, and nothing can be printed any more."""
    window = Window()
    with driving(car, preexec_fn=window.take, stderr=window.inside, **window.pipes) as (chip, drive, lateness):
        event_ns = window.close()
        stands_in_time(2, chip, event_ns, lateness)
        drive.process.wait(timeout=30)


def test_5_ctrl_c_again_and_again(car: Path) -> None:
    with driving(car) as (chip, drive, lateness):
        event_ns = time.monotonic_ns()
        for _ in range(4):
            with suppress(ProcessLookupError):
                os.killpg(drive.process.pid, signal.SIGINT)
            time.sleep(0.02)
        stands_in_time(5, chip, event_ns, lateness)
        drive.process.wait(timeout=30)


STOP_PRESSED = """
from car.vehicle import Vehicle
rounds, after = Vehicle.update_parts, []
def round_(self):
    if pulled():
        after.append(1)
        now()
        self.mem["user/stop"] = len(after) <= 4                                 # pressed, then let go of
        self.mem["user/armed"] = not (TOLD.with_name("release").exists() and not TOLD.with_name("arm").exists())
    rounds(self)
Vehicle.update_parts = round_
"""


def test_6_e_stop_in_full_autopilot_is_latched_until_released_on_purpose(car: Path) -> None:
    with driving(car, hurt=STOP_PRESSED) as (chip, drive, lateness):
        event_ns = drive.event()
        stands_in_time(6, chip, event_ns, lateness)
        time.sleep(0.5)
        assert chip.now().neutral  # the button was let go of half a second ago, and `armed` is still on
        (car / "release").touch()
        time.sleep(0.3)
        assert chip.now().neutral
        (car / "arm").touch()
        chip.wait_moving()


def test_6_e_stop_by_a_signal_to_the_guardian(car: Path) -> None:
    with driving(car) as (chip, drive, lateness):
        event_ns = time.monotonic_ns()
        os.kill(drive.guardian_pid(), signal.SIGUSR1)
        stands_in_time(6, chip, event_ns, lateness, "SIGUSR1")


def test_6_e_stop_by_the_page_of_one_who_watches(car: Path) -> None:
    """In full autopilot, and the page is closed right afterwards."""
    with driving(car, "--port", "0", stdout=subprocess.PIPE) as (chip, drive, lateness):

        async def stop() -> int:
            page = await websocket_connect(drive.page_socket())
            event_ns = time.monotonic_ns()
            await page.write_message('{"stop": true}')
            page.close()
            return event_ns

        stands_in_time(6, chip, asyncio.run(stop()), lateness, "the page's STOP")


def test_6_e_stop_by_a_signal_to_the_driving_process(car: Path) -> None:
    with driving(car) as (chip, drive, lateness):
        event_ns = time.monotonic_ns()
        drive.process.send_signal(signal.SIGUSR1)
        stands_in_time(6, chip, event_ns, lateness, "SIGUSR1 to drive")


CAMERA_BLOCKS = """
from car.simulated import SimulatedCamera
real = SimulatedCamera.run
def run(self):
    if pulled():
        now()
        time.sleep(5)
    return real(self)
SimulatedCamera.run = run
"""
CAMERA_REPEATS = """
from car.simulated import SimulatedCamera
real, last = SimulatedCamera.run, []
def run(self):
    if pulled():
        now()
        time.sleep(0.05)
        return last[-1]
    last[:] = [real(self)]
    return last[-1]
SimulatedCamera.run = run
"""
CAMERA_THREAD_DIES = """
import threading
from car.simulated import SimulatedCamera
real, box, ready = SimulatedCamera.run, [], threading.Condition()
def grab(camera):
    while not pulled():
        frame = real(camera)
        with ready:
            box[:] = [frame]
            ready.notify()
    now()
    raise OSError("the cable came off")
def run(self):
    if not hasattr(self, "thread"):
        self.thread = threading.Thread(target=grab, args=(self,), daemon=True)
        self.thread.start()
    with ready:
        ready.wait()
        return box[0]
threading.excepthook = lambda _: None
SimulatedCamera.run = run
"""
POLICY = """
from car.policy import Policy
real = Policy.run
def run(self, *seen):
    if pulled():
        now()
        {worst}
    return real(self, *seen)
Policy.run = run
"""


@pytest.mark.parametrize(
    ("row", "hurt"),
    [
        (7, CAMERA_BLOCKS),
        (7, CAMERA_REPEATS),
        (7, CAMERA_THREAD_DIES),
        (9, POLICY.format(worst='raise RuntimeError("a bug")')),
        (10, POLICY.format(worst="time.sleep(5)")),
        (10, POLICY.format(worst="time.sleep(0.5)")),
        (11, POLICY.format(worst='return 0, 0.5, float("nan"), None, 1.0, None')),
    ],
    ids=["blocks", "repeats", "thread dies", "raises", "policy hangs", "policy is 10 times as slow", "NaN"],
)
def test_a_part_does_its_worst(car: Path, row: int, hurt: str) -> None:
    with driving(car, hurt=hurt) as (chip, drive, lateness):
        stands_in_time(row, chip, drive.event(), lateness)
        if row == 9:
            complaints = ended(drive)
            assert drive.process.returncode == 1
            assert "Policy failed while driving: RuntimeError: a bug" in complaints


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["it closes", "its Wi-Fi drops"])
def test_8_the_page_that_drives(car: Path, number: signal.Signals) -> None:
    """SIGKILL: its socket is closed. SIGSTOP: the socket stays open, and nothing comes in any more."""
    with driven_by_page(car) as (chip, page, lateness):
        assert chip.now().steering_us < NEUTRAL_US - TICK_US  # the page's steering
        event_ns = time.monotonic_ns()
        page.send_signal(number)
        stands_in_time(8, chip, event_ns, lateness, number.name)
        page.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        assert chip.now().neutral  # the thumb is still on it, and nobody has armed the car again


@pytest.mark.parametrize("throttle", ["99.0", '-float("inf")'])
def test_11_an_action_out_of_range_is_held_to_the_cap(car: Path, throttle: str) -> None:
    with driving(car, hurt=POLICY.format(worst=f"return 0, 99.0, {throttle}, None, 1.0")) as (chip, drive, _):
        drive.event()
        time.sleep(0.5)
        pulses = [standing.throttle_us for standing in chip.history() if standing.throttle_us]
        assert max(pulses) < NEUTRAL_US + 0.2 * 500 + 5
        assert min(pulses) > NEUTRAL_US - 5
        record(11, note="out of range")


def test_12_one_failed_write_is_repeated(car: Path) -> None:
    with driving(car) as (chip, drive, _):
        chip.wish(nacks=1)
        event_ns = time.monotonic_ns()
        chip.wait(lambda standing: standing.t_ns > event_ns, "another write")
        time.sleep(0.3)
        assert sum("refused" in entry for entry in chip.log()) == 1
        assert not chip.now().neutral
        drive.process.terminate()
        assert "a write to the I2C bus failed and was repeated (1 so far)" in ended(drive)
        record(12, note="once")


def test_12_a_bus_that_fails_for_good(car: Path) -> None:
    """Neutral is tried while the bus is away, and stands as soon as it is back, even if both programs are ending."""
    with driving(car) as (chip, drive, _):
        chip.wish(absent=True)
        complaints = drive.process.communicate(timeout=30)[1]
        assert drive.process.returncode == 1
        assert "the I2C bus failed twice" in complaints
        refused = [entry["refused"] for entry in chip.log() if "refused" in entry]
        assert len(refused) > 5
        assert not chip.now().neutral  # nothing could be done
    record(12, note="for ever")


def test_12_a_bus_that_comes_back(car: Path) -> None:
    with driving(car) as (chip, drive, _):
        chip.wish(nacks=12)
        assert drive.process.wait(timeout=30) == 1
        chip.wait(lambda standing: standing.neutral, "neutral")


def test_12_a_bus_that_hangs(car: Path) -> None:
    with driving(car) as (chip, drive, _):
        chip.wish(hang_s=2.5)
        assert drive.process.wait(timeout=30) == 1
        chip.wait(lambda standing: standing.neutral, "neutral")


TELLS_BOTH_CLOCKS = """
import select
time.sleep = lambda s: select.select([], [], [], max(0, s)) and None  # libfaketime 0.9.10 breaks Python's own
from car.vehicle import Vehicle
rounds = Vehicle.update_parts
def round_(self):
    with open(TOLD, "a") as file:
        print(time.monotonic_ns(), time.time_ns(), file=file)
    rounds(self)
Vehicle.update_parts = round_
"""


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (apt: libfaketime)")
def test_13_the_wall_clock_steps_back(car: Path, tmp_path: Path) -> None:
    """For the driving process and its guardian only. Their steps go on without a gap."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    faked = environment(
        LD_PRELOAD=str(FAKETIME),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )
    with driving(car, hurt=TELLS_BOTH_CLOCKS, env=faked) as (chip, _, lateness):
        event_ns = time.monotonic_ns()
        clock.write_text("-3")
        time.sleep(1.5)
        rounds = [list(map(int, line.split())) for line in (car / "told").read_text().splitlines()[:-1]]
        steps = [b[1] - a[1] for a, b in pairwise(rounds)]
        assert min(steps) < -2.5e9, "the wall clock was not set back: this test tested nothing"
        after = [at for at, _ in rounds if at > event_ns]
        gap_ms = max(b - a for a, b in pairwise(after)) / 1e6
        assert gap_ms < 250 + PROCESSES * lateness.worst_ms(event_ns)
        moved = [standing for standing in chip.history() if standing.t_ns > event_ns]
        assert not chip.now().neutral
        assert not any(standing.neutral for standing in moved)
        record(13)


def test_14_the_driving_process_is_stopped(car: Path) -> None:
    with driving(car) as (chip, drive, lateness):
        event_ns = time.monotonic_ns()
        drive.process.send_signal(signal.SIGSTOP)
        stands_in_time(14, chip, event_ns, lateness, "SIGSTOP")
        time.sleep(1)
        drive.process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        assert chip.now().neutral  # after more than a second it does not drive on by itself


def test_14_the_driving_process_gets_next_to_no_cpu(car: Path) -> None:
    """0.4 s of each half second without CPU: neutral in each of them."""
    with driving(car) as (chip, drive, lateness):
        stops = []
        for _ in range(3):
            stops.append(time.monotonic_ns())
            drive.process.send_signal(signal.SIGSTOP)
            time.sleep(0.4)
            drive.process.send_signal(signal.SIGCONT)
            time.sleep(0.1)
        history = chip.history()
        for stop_ns in stops:
            neutral_ns = next(standing.t_ns for standing in history if standing.t_ns > stop_ns and standing.neutral)
            measured_ms, late_ms = (neutral_ns - stop_ns) / 1e6, lateness.worst_ms(stop_ns)
            assert measured_ms <= 250 + PROCESSES * late_ms
            record(14, measured_ms=measured_ms, late_ms=late_ms, note="starved")


def test_16_the_models_files_are_cut_short_and_replaced(car: Path, model_copy: Path) -> None:
    with driving(car, "--model", str(model_copy)) as (chip, drive, _):
        event_ns = time.monotonic_ns()
        for file in model_copy.iterdir():
            os.truncate(file, 100)
        (model_copy / "model.tflite").write_bytes(b"no model")
        time.sleep(1.0)
        assert drive.process.poll() is None
        after = [standing for standing in chip.history() if standing.t_ns > event_ns]
        assert not any(standing.neutral for standing in [*after, chip.now()])
        record(16)


def test_17_neutral_first_and_only_neutral_until_armed(car: Path) -> None:
    chip = Chip(car)
    drive = Drive(car, armed=False)
    try:
        chip.wait(lambda standing: standing.throttle_us > 0, "a pulse")
        time.sleep(2.5)  # long enough to drive, if it did
        assert drive.process.poll() is None
        assert all(standing.neutral for standing in chip.history())
        pulses = {round(standing.throttle_us) for standing in chip.history()}
        assert pulses <= {0, round(chip.now().throttle_us)}
        record(17)
    finally:
        drive.end()
        chip.close()


def kill_the_guardian(drive: Drive) -> None:
    os.kill(drive.guardian_pid(), signal.SIGKILL)


def test_18_the_guardian_is_killed(car: Path) -> None:
    with driving(car) as (chip, drive, lateness):
        event_ns = time.monotonic_ns()
        kill_the_guardian(drive)
        stands_in_time(18, chip, event_ns, lateness)
        time.sleep(0.5)
        assert chip.now().neutral  # nobody has armed the new one
        assert drive.process.poll() is None


def sleep_a_while(drive: Drive) -> None:
    drive.process.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    drive.process.send_signal(signal.SIGCONT)


def stop_the_guardian(drive: Drive) -> None:
    os.kill(drive.guardian_pid(), signal.SIGUSR1)


@pytest.mark.parametrize(
    ("disarm", "shown"),
    [
        (kill_the_guardian, {"stopped": False, "reason": "the guardian was restarted: arm again"}),
        (sleep_a_while, {"stopped": False, "reason": "silent for more than 1 s: arm again"}),
        (stop_the_guardian, {"stopped": True, "reason": "stopped: let go of STOP, then arm again"}),
    ],
)
def test_what_the_guardian_takes_back_is_shown_as_not_armed_and_one_act_arms_again(
    car: Path, disarm: Callable[[Drive], None], shown: dict[str, object]
) -> None:
    with driving(car, "--port", "0", stdout=subprocess.PIPE) as (chip, drive, _):

        async def conversation() -> None:
            page = await websocket_connect(drive.page_socket())

            async def hold() -> None:
                while True:
                    await say(page, angle=0.0, throttle=0.0)
                    await asyncio.sleep(0.05)

            await hear(page, armed=True, reason="")
            disarm(drive)
            await hear(page, armed=False, **shown)
            assert chip.now().neutral
            thumb = asyncio.create_task(hold())
            if shown["stopped"]:
                await say(page, stop=False)
                await hear(page, armed=False, stopped=False, reason="not armed")
            for _ in range(10):  # a second: the reason stays, and nothing happens by itself
                state = await hear(page)
                assert (state["armed"], state["stopped"]) == (False, False)
                assert state["reason"] == ("not armed" if shown["stopped"] else shown["reason"])
            await say(page, arm=True)
            await hear(page, armed=True, reason="", throttle=0.2)
            chip.wait_moving()
            thumb.cancel()

        asyncio.run(conversation())


def test_18_in_the_terminal_one_key_arms_again(car: Path) -> None:
    window = Window()
    with driving(car, preexec_fn=window.take, **window.pipes) as (chip, drive, _):
        kill_the_guardian(drive)
        window.wait(b"(the guardian was restarted: arm again)")
        assert chip.now().neutral
        window.press(b"g")
        chip.wait_moving()
        assert drive.process.poll() is None
    window.close()


def test_18_the_guardian_hangs(car: Path) -> None:
    """Without systemd's watchdog, `drive` waits for 2.5 s, which a bus that hangs may take, and starts another."""
    with driving(car) as (chip, drive, lateness):
        event_ns = time.monotonic_ns()
        os.kill(drive.guardian_pid(), signal.SIGSTOP)
        assert chip.neutral_ms(event_ns) <= HANGS_NS / 1e6 + 500 + PROCESSES * lateness.worst_ms(event_ns)
        assert drive.process.poll() is None


def test_19_a_second_program_is_refused(car: Path, tmp_path: Path, manage) -> None:
    with driving(car) as (chip, drive, _):
        second = manage("drive", "--drivetrain", "simchip", "--armed", "--car", car)
        assert second.returncode == 1
        last = second.stderr.strip().splitlines()[-1]
        assert f"another program drives (process {drive.process.pid})" in last
        assert "Traceback" not in second.stderr
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(mode=0o700)
        third = subprocess.run(
            guardian_arguments(car, elsewhere), cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False
        )
        assert third.returncode == 4
        assert "another program has the servos" in third.stderr
        assert not chip.now().neutral
        assert drive.process.poll() is None
        record(19)


@pytest.fixture
def guardian(car: Path, tmp_path: Path) -> Iterator[tuple[Chip, Path]]:
    """A guardian of its own, as systemd starts it."""
    chip, folder = Chip(car), tmp_path / "run"
    folder.mkdir(mode=0o700)
    process = subprocess.Popen(guardian_arguments(car, folder), cwd=PROJECT, stderr=subprocess.PIPE)
    chip.wait(lambda standing: standing.throttle_us > 0, "the guardian's first pulse")
    yield chip, folder
    process.terminate()
    assert process.wait(timeout=20) == 0
    assert chip.now().neutral
    chip.close()


def connected(folder: Path) -> Client:
    for _ in range(500):
        try:
            return Client(folder)
        except OSError:
            time.sleep(0.02)
    raise AssertionError("the guardian does not listen")


def test_15_garbage_is_refused_and_counted(guardian: tuple[Chip, Path]) -> None:
    chip, folder = guardian
    client = connected(folder)
    good = Command(0.0, 0.3, True, False, 0)
    from car.guardian.messages import encode_command

    packet = bytearray(encode_command(good))
    import struct

    wrong = [b"x", b"", os.urandom(40), os.urandom(4000), bytes(packet[:-1]), bytes(packet) + b"0"]
    for value in (99.0, float("nan"), float("-inf"), -1.0000001):
        wrong.append(bytes(packet[:20]) + struct.pack("<d", value) + struct.pack("<q", time.monotonic_ns()))
    for garbage in wrong:
        if garbage:
            client._socket.send(garbage)
    deadline = time.monotonic() + 10
    client.send(Command(0.0, 0.0, False, False, time.monotonic_ns()))
    while client.receive().refused < len(wrong) - 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert all(standing.neutral for standing in chip.history())
    client.close()
    record(15, note="at the guardian")


def test_15_garbage_is_refused_by_the_page(car: Path) -> None:
    """The car is armed and a person's to drive, so that whatever gets through moves it; as the last message does."""
    (car / "settings.toml").write_text('[drive]\nmode = "user"\n')
    garbage = [f'{{"angle": 0, "throttle": {value}}}' for value in ("99", "-1.01", "NaN", "1e999", '"0.2"', "true")]
    garbage += ["full ahead", "[0.2]", '{"throttle": 0.2', '{"throttle": 0.2, "speed": 1}', os.urandom(40)]

    async def say(link: str, message: str | bytes) -> None:
        page = await websocket_connect(link)
        await page.write_message(message, binary=isinstance(message, bytes))
        await asyncio.sleep(0.1)
        page.close()

    chip = Chip(car)
    drive = Drive(car, "--port", "0", stdout=subprocess.PIPE)
    try:
        link = drive.page_socket()
        chip.wait(lambda standing: standing.throttle_us > 0, "a pulse")
        for message in garbage:
            asyncio.run(say(link, message))
        assert all(standing.neutral for standing in chip.history())
        asyncio.run(say(link, '{"angle": 0, "throttle": 0.2}'))
        assert not all(standing.neutral for standing in chip.history())
        record(15, note="at the page")
    finally:
        drive.end()
        chip.close()


def test_20_the_disk_is_full_while_recording(car: Path) -> None:
    """The disk: no file of the process may grow beyond 12,000 bytes, which its catalog wants to after two seconds."""
    limit = (12_000, 12_000)
    limited = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)}
    with driving(car, "--record", **limited) as (chip, drive, _):
        began_ns = time.monotonic_ns()
        seen, records = -1, 0
        while records != seen:
            time.sleep(1)
            seen, records = records, len(list((car / "drives").glob("*-tub/images/*")))
        assert records > 10
        moved = [standing for standing in chip.history() if standing.t_ns > began_ns]
        assert not any(standing.neutral for standing in [*moved, chip.now()])
        drive.process.send_signal(signal.SIGINT)
        assert "recording stopped: cannot write" in ended(drive)
        record(20)


def test_a_guardian_that_is_supervised_outlives_its_drivers_and_signals(guardian: tuple[Chip, Path]) -> None:
    chip, folder = guardian
    for _ in range(2):
        client = connected(folder)
        for _ in range(10):
            client.send(Command(0.0, 0.5, True, False, time.monotonic_ns()))
            time.sleep(0.02)
        chip.wait_moving()
        event_ns = time.monotonic_ns()
        client.close()
        chip.neutral_ms(event_ns)
    assert connected(folder).status.state is State.SAFE


def test_the_guardian_loads_nothing_heavy() -> None:
    program = (
        "import sys, car.guardian.__main__; "
        "print(*{'numpy', 'cv2', 'donkeycar', 'pydantic', 'tensorflow', 'settings'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert out.stdout.split() == []
