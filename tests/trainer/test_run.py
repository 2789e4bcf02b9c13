"""`manage.py train` as a person runs it: short, but every part is the real one."""

import importlib.util
import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from models.folder import load_model
from settings import PROJECT
from tests.conftest import assert_one_line

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("TensorFlow is not installed: type `make install-dev`", allow_module_level=True)

QUICK = ["--learning-starts", "1000", "--evaluate-cars", "2", "--evaluate-every-s", "2", "--updates-per-round", "1"]


def test_train_export_drive_and_evaluate(manage, tmp_path: Path) -> None:
    process = manage("train", "--steps", "4000", "--name", "first", "--runs", tmp_path, "--seed", "3", *QUICK)
    assert process.returncode == 0, process.stderr
    run = tmp_path / "first"
    assert {file.name for file in run.iterdir()} == {"settings.json", "metrics.jsonl", "weights.npz", "model"}
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
    evaluation = json.loads(manage("evaluate", "--model", run, "--tracks", "2", "--laps", "1", "--json").stdout)
    assert evaluation["int8"]["tracks"] == 2


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
    """A limit on the size of files stands for the full disk: settings fit, the weights do not."""
    process = start(
        tmp_path, "--steps", "4000", *QUICK,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
    )  # fmt: skip
    out, err = process.communicate(timeout=200)
    assert process.returncode == 1, out
    (complaint,) = err.strip().splitlines()
    assert complaint.startswith(f"manage.py: cannot write {tmp_path / 'run' / 'weights.npz'}: ")
    assert "ulimit -f" in complaint
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert left == {"settings.json", "metrics.jsonl"}


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
