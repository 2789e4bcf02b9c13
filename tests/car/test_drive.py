import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from car.display import COLUMNS, as_text
from car.simulated import SimulatedCamera, SimulatedCar, SimulatedDrivetrain
from models.contract import Contract
from models.pictures import YELLOW
from settings import PROJECT
from tests.conftest import assert_one_line

SPEC = Contract().observation


def test_two_laps_with_the_shipped_policy(manage) -> None:
    process = manage("drive", "--laps", "2", "--no-realtime")
    assert process.returncode == 0, process.stderr
    last = process.stdout.strip().splitlines()[-1]
    assert last.startswith("SIMULATED  ")
    assert re.search(r"laps 2\b", last)
    assert "left the road 0 times" in last
    assert re.search(r"frame to command p50 \d+\.\d p99 \d+\.\d ms", last)
    assert "Donkey" not in process.stdout  # donkeycar's banner


def test_drive_never_imports_tensorflow_nor_the_trainer() -> None:
    program = """
import sys
sys.argv = ["manage.py", "drive", "--laps", "1", "--no-realtime"]
import manage
try:
    manage.main()
except SystemExit as end:
    assert not end.code, end.code
heavy = [name for name in ("tensorflow", "keras", "pandas", "trainer.ddqn", "trainer.run") if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True, capture_output=True, timeout=120)


def test_a_car_whose_owner_caps_the_throttle_to_nothing_stands(manage, tmp_path: Path) -> None:
    """What settings.toml says reaches the drivetrain: this car drives nowhere until Ctrl-C, which ends it with 0."""
    (tmp_path / "settings.toml").write_text("[drive]\nthrottle_cap = 0.0\n")
    command = [sys.executable, str(PROJECT / "manage.py"), "drive", "--car", str(tmp_path), "--no-realtime"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = process.stdout.readline()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "throttle +0.00" in first
    assert "laps 0" in out.splitlines()[-1]
    assert "Traceback" not in err


def test_a_part_that_fails_ends_the_program_with_the_reason() -> None:
    program = """
import sys
import manage
from car.simulated import SimulatedCamera
def broken(self):
    raise OSError("the cable came off")
SimulatedCamera.run = broken
sys.argv = ["manage.py", "drive", "--laps", "1", "--no-realtime"]
manage.main()
"""
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert_one_line(process, "SimulatedCamera failed while driving: OSError: the cable came off")


def seen_in_a_terminal(pictures: int, *arguments: str | Path) -> str:
    """Drive in a real pseudo-terminal; Ctrl-C after so many pictures; returns all that was shown."""
    import pty

    main, other = pty.openpty()
    command = [sys.executable, str(PROJECT / "manage.py"), "drive", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=other, stderr=other, stdin=subprocess.DEVNULL)
    os.close(other)
    shown, deadline = b"", time.monotonic() + 60
    while shown.count(b"\x1b[H") < pictures and time.monotonic() < deadline:
        shown += os.read(main, 65536)
    process.send_signal(signal.SIGINT)
    try:
        while chunk := os.read(main, 65536):
            shown += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(main)
    assert process.wait(timeout=20) == 0
    return shown.decode(errors="replace")  # Ctrl-C may cut a picture short


def test_a_terminal_gets_the_live_picture() -> None:
    """In real time: the picture, the bars and the status line, ten times a second."""
    text = seen_in_a_terminal(15)
    assert "▀" in text
    assert "advantages " in text
    assert "SIMULATED" in text.strip().splitlines()[-1]


def test_footage_is_shown_with_the_steering_drawn_in_and_no_track(driven_tub: Path) -> None:
    text = seen_in_a_terminal(3, "--camera", f"tub:{driven_tub}")
    assert "advantages " in text
    assert "SIMULATED" not in text
    assert "FOOTAGE" in text.strip().splitlines()[-1]
    assert max(line.count("▀") for line in text.splitlines()) == COLUMNS
    assert ";".join(map(str, YELLOW)) in text


def test_footage_is_driven_to_its_end(manage, driven_tub: Path) -> None:
    process = manage("drive", "--camera", f"tub:{driven_tub}", "--no-realtime")
    assert process.returncode == 0, process.stderr
    last = process.stdout.strip().splitlines()[-1]
    assert re.match(r"FOOTAGE  \d+ frames/s  frame to command p50 ", last)
    assert last.endswith("frame 200 of 200")
    assert "laps" not in last


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--camera", "usb"], ["no camera 'usb'", "sim and tub:PATH"]),
        (["--camera", "tub:"], ["no camera 'tub:'"]),
        (["--camera", "tub:/nowhere"], ["/nowhere", "no donkeycar tub"]),
        (["--camera", "tub:/nowhere", "--laps", "2"], ["--laps", "need the simulated car"]),
    ],
)
def test_a_camera_that_is_none_is_one_line(manage, arguments: list[str], words: list[str]) -> None:
    assert_one_line(manage("drive", *arguments), *words)


def test_a_frame_is_followed_by_the_frame_of_the_command_it_caused() -> None:
    """No extra tick between a command and the step it drives: the car is as late as the table says, no more."""
    car = SimulatedCar(SPEC, seed=3)
    camera = SimulatedCamera(car, realtime=False)
    drivetrain = SimulatedDrivetrain(car, camera.clock_ns)
    for _ in range(5):
        camera.run()
        drivetrain.run(0.0, 0.2)
    late = round(car.simulator.worlds[0].scene.latency_s / car.period_s)
    assert late == 1
    drivetrain.run(1.0, 0.2)
    before = car.simulator.bicycles.steering[0]
    camera.run()  # one period of latency ...
    assert car.simulator.bicycles.steering[0] == pytest.approx(before, abs=0.05)
    camera.run()  # ... and the wheels turn in the next
    assert car.simulator.bicycles.steering[0] > before + 0.3


def test_a_car_that_leaves_the_road_is_put_back_and_its_laps_stay() -> None:
    car = SimulatedCar(SPEC, seed=3)
    car.command = (1.0, 0.2)
    for _ in range(200):
        car.advance()
    assert car.off_roads >= 2
    assert abs(car.offset_m) <= car.simulator.state.half_width_m[0]
    assert car.laps == 0


def test_the_simulated_camera_keeps_the_period_in_real_time() -> None:
    camera = SimulatedCamera(SimulatedCar(SPEC, seed=1), realtime=True)
    frames = [camera.run() for _ in range(8)]
    assert [sequence for _, _, sequence in frames] == list(range(8))
    times_ns = [t_capture_ns for _, t_capture_ns, _ in frames]
    # Never early: a camera cannot show the future. (How late depends on the machine; it is counted, not asserted.)
    # The first may have been woken late itself, hence the 10 ms.
    assert all(now - times_ns[0] >= 1e9 * SPEC.period_s * k - 10e6 for k, now in enumerate(times_ns))


def test_without_real_time_the_clock_skips_the_waits() -> None:
    camera = SimulatedCamera(SimulatedCar(SPEC, seed=1), realtime=False)
    started = time.monotonic_ns()
    times_ns = [camera.run()[1] for _ in range(100)]
    waited_ns = time.monotonic_ns() - started
    assert times_ns[-1] - times_ns[0] >= 99 * 0.0499e9
    assert waited_ns < times_ns[-1] - times_ns[0]
    assert np.diff(times_ns).min() > 0


def test_pictures_for_people() -> None:
    above = SimulatedCar(SPEC, seed=1).second_picture(60)
    assert above.shape == (60, 60, 3)
    assert (above == YELLOW).all(axis=2).any()  # the car
    lines = as_text(above)
    assert len(lines) == 30
    assert all(line.count("▀") == 60 for line in lines)
