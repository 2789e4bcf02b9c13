import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calibration.car_file import nominal, save_calibration
from calibration.known import known
from car.display import COLUMNS, as_text
from car.drive import drive_real, not_for_real_rooms, not_for_this_car, turns_unknown
from car.handover import Handover
from car.hardware import CameraChoice
from car.people import PeopleOptions
from car.simulated import SimulatedCamera, SimulatedCar, SimulatedDrivetrain
from car.tub_camera import NoDrivetrain
from car.wheel import PRETRAINED, PRETRAINED_REAL, Wheel, choose_model
from models.arc import same_arc
from models.contract import Contract
from models.folder import load_model
from models.pictures import YELLOW
from models.runtime import TFLitePolicy
from settings import PROJECT, Settings
from tests.calibration.measured_car import measured_car
from tests.car.fake_picamera2 import Oddities, install
from tests.conftest import assert_one_line
from tests.sim_bridge.test_track_file import eight, write

SPEC = Contract().observation


def test_two_laps_with_the_shipped_policy(manage, tmp_path: Path) -> None:
    process = manage("drive", "--laps", "2", "--no-realtime", "--car", tmp_path)
    assert process.returncode == 0, process.stderr
    last = process.stdout.strip().splitlines()[-1]
    assert last.startswith("SIMULATED  ")
    assert re.search(r"laps 2\b", last)
    assert "left the road 0 times" in last
    assert re.search(r"frame to command p50 \d+\.\d p99 \d+\.\d ms", last)
    assert "Donkey" not in process.stdout  # donkeycar's banner
    (left,) = (tmp_path / "drives").iterdir()
    assert f"a film and a summary of the drive are in {left}" in process.stderr
    summary = json.loads((left / "summary.json").read_text())
    assert (summary["laps"], summary["seed"], summary["off_roads"]) == (2, 1, 0)
    assert summary["command"] == f"python manage.py drive --laps 2 --no-realtime --car {tmp_path}"
    with Image.open(left / "drive.gif") as gif:
        assert gif.n_frames > 100


def test_a_drives_folder_that_cannot_be_written_is_one_line(manage, tmp_path: Path) -> None:
    (tmp_path / "drives").touch()
    process = manage("drive", "--laps", "1", "--no-realtime", "--car", tmp_path)
    assert_one_line(process, f"cannot write {tmp_path / 'drives'}")


def test_a_given_track_is_driven_a_crossing_one_where_it_is_allowed(manage, tmp_path: Path) -> None:
    file = write(tmp_path / "eight.csv", "x,y", eight(200, a_m=4.0, b_m=2.5))
    arguments = ["drive", "--track", file, "--laps", "1", "--no-realtime", "--car", tmp_path]
    assert_one_line(manage(*arguments), f"{file} crosses itself after its lines 98 and 198", "add --crossings")
    process = manage(*arguments, "--crossings")
    assert process.returncode == 0, process.stderr
    (left,) = (tmp_path / "drives").iterdir()
    summary = json.loads((left / "summary.json").read_text())
    assert summary["track"] == str(file)
    assert summary["track_m"] == pytest.approx(27.6, abs=0.5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x,y\n0,0\n1,1\n", ["has 2 different points, a track needs 8"]),
        ("x,y\n1,2\nleft,right\n", ["line 3: 'left', 'right' are no numbers"]),
        (None, ["cannot read", "No such file"]),
    ],
)
def test_a_track_that_is_none_is_one_line(manage, tmp_path: Path, content: str | None, words: list[str]) -> None:
    file = tmp_path / "track.csv"
    if content is not None:
        file.write_text(content)
    for verb in ("drive", "evaluate"):
        assert_one_line(manage(verb, "--track", file), str(file), *words)


def test_drive_never_imports_tensorflow_nor_the_trainer(tmp_path: Path) -> None:
    program = """
import sys
sys.argv = ["manage.py", "drive", "--laps", "1", "--no-realtime", "--car", CAR]
import manage
try:
    manage.main()
except SystemExit as end:
    assert not end.code, end.code
heavy = [name for name in ("tensorflow", "keras", "pandas", "trainer.ddqn", "trainer.run") if name in sys.modules]
assert not heavy, heavy
"""
    program = f"CAR = {str(tmp_path)!r}\n" + program
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


def test_a_drive_that_fails_on_its_way_leaves_its_film_too(tmp_path: Path) -> None:
    program = f"""
import sys
import manage
from car.simulated import SimulatedDrivetrain
real, calls = SimulatedDrivetrain.run, []
def breaks(self, *command):
    calls.append(command)
    if len(calls) > 40:
        raise OSError("the cable came off")
    return real(self, *command)
SimulatedDrivetrain.run = breaks
sys.argv = ["manage.py", "drive", "--no-realtime", "--car", {str(tmp_path)!r}]
manage.main()
"""
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert_one_line(process, "SimulatedDrivetrain failed while driving: OSError: the cable came off")
    (left,) = (tmp_path / "drives").iterdir()
    assert json.loads((left / "summary.json").read_text())["frames"] == 40


def seen_in_a_terminal(pictures: int, car: Path, *arguments: str | Path) -> str:
    """Drive in a real pseudo-terminal; Ctrl-C after so many pictures; returns all that was shown."""
    import pty

    main, other = pty.openpty()
    command = [sys.executable, str(PROJECT / "manage.py"), "drive", "--car", str(car), *map(str, arguments)]
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


def test_a_terminal_gets_the_live_picture(tmp_path: Path) -> None:
    """In real time: the picture, the bars and the status line, ten times a second."""
    text = seen_in_a_terminal(15, tmp_path)
    assert "▀" in text
    assert "advantages " in text
    *_, status, told = text.strip().splitlines()
    assert "SIMULATED" in status
    assert "a film and a summary of the drive are in" in told


def test_footage_is_shown_with_the_steering_drawn_in_and_no_track(driven_tub: Path, tmp_path: Path) -> None:
    text = seen_in_a_terminal(3, tmp_path, "--camera", f"tub:{driven_tub}")
    assert "advantages " in text
    assert "SIMULATED" not in text
    assert "FOOTAGE" in text.strip().splitlines()[-2]
    assert max(line.count("▀") for line in text.splitlines()) == COLUMNS
    assert ";".join(map(str, YELLOW)) in text


def test_footage_is_driven_to_its_end(manage, driven_tub: Path, tmp_path: Path) -> None:
    process = manage("drive", "--camera", f"tub:{driven_tub}", "--no-realtime", "--car", tmp_path)
    assert process.returncode == 0, process.stderr
    last = process.stdout.strip().splitlines()[-1]
    assert re.match(r"FOOTAGE  \d+ frames/s  frame to command p50 ", last)
    assert last.endswith("frame 200 of 200")
    assert "laps" not in last
    (left,) = (tmp_path / "drives").iterdir()
    summary = json.loads((left / "summary.json").read_text())
    assert (summary["tub"], summary["frames"]) == (str(driven_tub), 200)
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"]
    with Image.open(left / "drive.gif") as gif:
        assert gif.size == (160, 120)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--camera", "webcam"], ["no camera 'webcam'", "pi, usb, usb:N, sim and tub:PATH"]),
        (["--camera", "usb:left"], ["no camera 'usb:left'"]),
        (["--camera", "usb:99"], ["no camera answers at /dev/video99"]),
        (["--camera", "pi"], ["Picamera2 cannot be imported", "apt install -y python3-picamera2"]),
        (["--sim", "--camera", "pi"], ["--sim simulates the camera, too"]),
        (["--camera", "tub:"], ["no camera 'tub:'"]),
        (["--camera", "tub:/nowhere"], ["/nowhere", "no donkeycar tub"]),
        (["--camera", "tub:/nowhere", "--laps", "2"], ["--laps", "need the simulated car"]),
        (["--camera", "tub:/nowhere", "--track", "a.csv"], ["--track", "need the simulated car"]),
        (["--crossings"], ["--crossings is about a --track"]),
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


def test_a_policy_that_has_seen_no_real_rooms_says_so() -> None:
    model = load_model(PRETRAINED)
    trained_in = dict(model.manifest.hyperparameters)
    warning = not_for_real_rooms(model)
    assert f"worlds of the table `{trained_in['table']}`" in warning
    assert "--preset real" in warning
    manifest = model.manifest.model_copy(update={"hyperparameters": trained_in | {"table": "real"}})
    assert not_for_real_rooms(replace(model, manifest=manifest)) is None


def test_real_rooms_and_simulated_ones_have_a_shipped_policy_each(tmp_path: Path) -> None:
    """Until the car has one of its own."""
    for real, shipped in ((False, PRETRAINED), (True, PRETRAINED_REAL)):
        model = choose_model(tmp_path, None, real=real)
        assert model.folder == shipped
        assert (not_for_real_rooms(model) is None) == real
    current = tmp_path / "models" / "current"
    current.parent.mkdir()
    current.symlink_to(PRETRAINED)
    assert choose_model(tmp_path, None, real=True).folder.resolve() == PRETRAINED


def test_a_policy_for_another_car_is_a_warning_in_one_line() -> None:
    model = load_model(PRETRAINED)
    assert not_for_this_car(model, None) is None  # it is for any car
    manifest = model.manifest.model_copy(update={"calibration": known(measured_car())})
    model = replace(model, manifest=manifest)
    assert "this one was not" in not_for_this_car(model, None)
    assert not_for_this_car(model, measured_car()) is None
    car = measured_car()
    late = car.latency.model_copy(update={"latency_s": 0.2})
    warning = not_for_this_car(model, car.model_copy(update={"latency": late}))
    assert "latency (s) 0.2, trained for 0.08 ± 0.01" in warning
    assert "\n" not in warning


def test_a_policy_that_means_arcs_asks_for_a_car_that_was_measured() -> None:
    model = load_model(PRETRAINED)
    assert turns_unknown(model, None) is None  # it means none
    actions = model.contract.actions.model_copy(update={"turns_rad_per_m": 2.5})
    contract = model.contract.model_copy(update={"actions": actions})
    model = replace(model, manifest=model.manifest.model_copy(update={"contract": contract}))
    for calibration in (None, nominal()):
        warning = turns_unknown(model, calibration)
        assert "0.80 m wide" in warning
        assert warning.endswith("calibrate vehicle")
        assert "\n" not in warning
    assert turns_unknown(model, measured_car()) is None


def test_behind_a_real_camera_a_measured_car_goes_the_arcs_that_are_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both cars see the same and mean the same: steering 1, which takes some eight tenths of this one's own."""
    install(monkeypatch, Oddities())
    told: list[float] = []

    def once(_: NoDrivetrain, steering: float, *others: object) -> None:
        told.append(steering)
        raise KeyboardInterrupt

    monkeypatch.setattr(NoDrivetrain, "run", once)
    monkeypatch.setattr(TFLitePolicy, "advantages", lambda *_: np.array([0, 0, 0, 0, 0, 0, 9], np.float32))
    wheel = Wheel(Handover(load_model(PRETRAINED_REAL)))
    options = PeopleOptions(page=False)
    for calibrated in (False, True):
        if calibrated:
            save_calibration(tmp_path, measured_car())
        drive_real(wheel, Settings(), tmp_path, options, CameraChoice("pi"), wires=None)
        assert ("calibrate vehicle" in capsys.readouterr().err) != calibrated
    vehicle, turns_rad_per_m = measured_car().vehicle, wheel.model.contract.actions.turns_rad_per_m
    locks_rad = math.radians(vehicle.left_lock_deg), math.radians(vehicle.right_lock_deg)
    assert told == [1.0, pytest.approx(same_arc(1.0, turns_rad_per_m, vehicle.wheelbase_m, *locks_rad))]
    assert 0.8 < told[1] < 0.9
