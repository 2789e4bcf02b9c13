"""`manage.py train` as a person runs it: short, but every part is the real one."""

import importlib.util
import json
import resource
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from calibration.car_file import save_calibration
from calibration.known import known
from models.folder import load_model
from settings import PROJECT
from tests.calibration.measured_car import measured_car
from tests.conftest import assert_one_line
from trainer.metrics import read_metrics

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("TensorFlow is not installed: type `make install-dev`", allow_module_level=True)

QUICK = ["--learning-starts", "1000", "--evaluate-cars", "2", "--evaluate-every-s", "2", "--updates-per-round", "1"]


def test_train_export_drive_and_evaluate(manage, tmp_path: Path) -> None:
    process = manage("train", "--steps", "4000", "--name", "first", "--runs", tmp_path, "--seed", "3", *QUICK)
    assert process.returncode == 0, process.stderr
    run = tmp_path / "first"
    assert {file.name for file in run.iterdir()} == {
        "settings.json", "metrics.jsonl", "tensorboard", "weights.npz", "checkpoint.npz", "report.png", "model",
    }  # fmt: skip
    assert (run / "report.png").read_bytes().startswith(b"\x89PNG")
    assert "drive --model" in process.stdout
    assert "updates/s" in process.stdout or "finished" in process.stdout

    saved = json.loads((run / "settings.json").read_text())
    assert saved["hyperparameters"]["seed"] == 3
    assert saved["command"].startswith("python manage.py train --steps 4000 --seed 3 ")
    model = load_model(run)
    assert model.manifest.command == saved["command"]
    assert model.manifest.hyperparameters == saved["hyperparameters"]
    assert model.manifest.evaluation["int8_against_float_on_replay"]["within_one_bin"] > 0.9
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["frames"] >= 4000
    assert any("finished_share" in line for line in lines)
    with np.load(run / "weights.npz", allow_pickle=False) as weights:
        assert sum(weight.size for weight in weights.values()) > 100_000

    # Such a policy drives badly, but it drives; ten times off the road is an answer too.
    drive = manage("drive", "--model", run, "--laps", "1", "--no-realtime")
    assert drive.returncode == 0 or "left the road 10 times" in drive.stderr
    evaluation = json.loads(
        manage("evaluate", "--model", run, "--tracks", "2", "--laps", "1", "--json", "--drives", tmp_path).stdout
    )
    assert evaluation["int8"]["tracks"] == 2


def test_preset_options_resume_and_another_sitting(manage, tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text("table = 'wide'\ngamma = 0.8\nepsilon_end = 0.2\nseed = 5\n")
    save_calibration(tmp_path / "car", measured_car())
    runs = tmp_path / "runs"
    first = manage(
        "train", "--steps", "3000", "--name", "run", "--runs", runs, "--preset", preset, "--gamma", "0.9",
        "--calibration", tmp_path / "car", *QUICK,
    )  # fmt: skip
    assert first.returncode == 0, first.stderr
    run = runs / "run"
    saved = json.loads((run / "settings.json").read_text())
    chosen = saved["hyperparameters"]
    assert (chosen["table"], chosen["gamma"], chosen["seed"]) == ("wide", 0.9, 5)  # the option outranks the preset
    assert saved["preset"] == str(preset)
    assert f" --preset {preset} " in saved["command"]
    assert " --gamma 0.9 " in saved["command"]  # also where that is the default: the preset says otherwise
    assert load_model(run).manifest.trained_on.endswith(f"table `wide` of sim_bridge/distributions.py; preset {preset}")
    assert f" --calibration {tmp_path / 'car'} " in saved["command"]
    (tmp_path / "car" / "calibration" / "car.toml").unlink()  # what was measured is in the run
    before = read_metrics(run)

    resumed = manage("train", "--resume", "run", "--steps", "3000", "--runs", runs)
    assert resumed.returncode == 0, resumed.stderr
    again = json.loads((run / "settings.json").read_text())
    assert again["hyperparameters"] == chosen
    assert again["command"] == f"{saved['command']} && python manage.py train --resume run --steps 3000"
    assert load_model(run).manifest.command == again["command"]
    assert load_model(run).manifest.calibration == known(measured_car())
    lines = read_metrics(run)
    assert lines[: len(before)] == before
    more = lines[len(before) :]
    assert {line["epsilon"] for line in more} == {0.2}  # from its end
    for name in ("elapsed_s", "frames", "updates"):
        assert all(a[name] <= b[name] for a, b in pairwise(lines))
    assert 5900 <= lines[-1]["frames"] <= 6100
    best = max(line["finished_share"] for line in lines if "finished_share" in line)
    assert load_model(run).manifest.evaluation["validation_finished"] == 2 * best
    assert len(list((run / "tensorboard").iterdir())) == 2


def test_a_killed_run_is_resumed(manage, tmp_path: Path) -> None:
    process = start(tmp_path, "--minutes", "30", *QUICK)
    wait_for(tmp_path / "run" / "checkpoint.npz", process)
    while not any("finished_share" in line for line in read_metrics(tmp_path / "run")):
        time.sleep(0.1)
    busy = manage("train", "--resume", "run", "--steps", "2000", "--runs", tmp_path)
    assert_one_line(busy, "is being trained at this moment")
    process.kill()
    process.communicate()
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"elapsed_s": 1')  # killed while writing
    resumed = manage("train", "--resume", "run", "--steps", "2000", "--runs", tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    lines = read_metrics(tmp_path / "run")
    assert all(a["elapsed_s"] < b["elapsed_s"] and a["frames"] <= b["frames"] for a, b in pairwise(lines))
    assert load_model(tmp_path / "run").manifest.command.endswith("--resume run --steps 2000")


def test_what_cannot_be_resumed_is_one_line(manage, tmp_path: Path) -> None:
    def resume(*more: str):
        return manage("train", "--resume", "run", "--runs", tmp_path, *more)

    assert_one_line(resume(), "is no training run")
    assert_one_line(resume("--gamma", "0.5", "--name", "x"), "its own settings; leave out --gamma, --name")
    process = start(tmp_path, "--minutes", "30", *QUICK)
    wait_for(tmp_path / "run" / "checkpoint.npz", process)
    process.kill()
    process.communicate()
    run = tmp_path / "run"
    before = (run / "metrics.jsonl").read_bytes()
    whole = (run / "checkpoint.npz").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for broken in (b"", whole[:1000], whole[: len(whole) // 2], bytes(flipped), b"x" * 5000):
        (run / "checkpoint.npz").write_bytes(broken)
        assert_one_line(resume(), "checkpoint.npz is broken", "train anew")
    (run / "checkpoint.npz").unlink()
    assert_one_line(resume(), "has no checkpoint.npz", "before its first evaluation")
    assert (run / "metrics.jsonl").read_bytes() == before
    (run / "settings.json").write_text('{"command": 1}')
    assert_one_line(resume(), "settings.json cannot be used")


def start(tmp_path: Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        str(PROJECT / "manage.py"),
        "train",
        "--runs",
        str(tmp_path),
        "--name",
        "run",
        *arguments,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def wait_for(path: Path, process: subprocess.Popen[str], size: int = 1) -> None:
    deadline = time.monotonic() + 120
    while not (path.exists() and path.stat().st_size >= size):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_ctrl_c_saves_exports_and_exits_cleanly(tmp_path: Path) -> None:
    process = start(tmp_path, "--minutes", "30", *QUICK)
    wait_for(tmp_path / "run" / "weights.npz", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "one last evaluation" in out
    assert load_model(tmp_path / "run").manifest.command.startswith("python manage.py train --minutes 30 ")


def test_ctrl_c_before_anything_was_learnt_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, "--minutes", "30", "--learning-starts", "500000")
    wait_for(tmp_path / "run" / "metrics.jsonl", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert (
        err.strip()
        == "manage.py: ended before anything was learnt, so nothing is kept; let it run for a minute at least"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_nothing_half_written(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: settings fit, the weights do not. It tells of
    itself before it is first evaluated: what has told nothing is not kept."""
    process = start(
        tmp_path, "--steps", "12000", *QUICK, "--evaluate-every-s", "60",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
    )  # fmt: skip
    out, err = process.communicate(timeout=200)
    assert process.returncode == 1, out
    (complaint,) = err.strip().splitlines()
    assert complaint.startswith(f"manage.py: cannot write {tmp_path / 'run' / 'weights.npz'}: ")
    assert "ulimit -f" in complaint
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert left == {"settings.json", "metrics.jsonl", "tensorboard"}


def test_training_without_tensorflow_says_what_to_type(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["tensorflow"] = None
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "tensorflow" else real(name, *rest)
sys.argv = ["manage.py", "train", "--minutes", "1"]
import manage
manage.main()
"""
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert_one_line(process, "needs TensorFlow", "make install-trainer")
