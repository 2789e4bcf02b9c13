"""`train --sim ADDRESS`: a training whose simulator is another process, and may be killed."""

import importlib.util
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from settings import PROJECT
from tests.conftest import assert_one_line
from tests.sim_bridge.donkeysim.test_client import start

needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed: type `make install-dev`"
)
QUICK = ["--learning-starts", "500", "--evaluate-cars", "2", "--evaluate-every-s", "10", "--updates-per-round", "1"]


@needs_tensorflow
@pytest.mark.slow
def test_a_training_survives_that_its_simulator_is_killed_and_started_again(manage, tmp_path: Path) -> None:
    first, port = start(0)
    run = tmp_path / "wire"
    arguments = ["--sim", f"donkeysim://127.0.0.1:{port}/waveshare", "--envs", "2", "--steps", "1500"]
    command = [sys.executable, "manage.py", "train", *arguments, "--name", "wire", "--runs", str(tmp_path), *QUICK]
    training = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    again: list[subprocess.Popen] = []

    def restart() -> None:
        """Once it has learnt for a while: the simulator goes, and comes back two seconds later."""
        while training.poll() is None:
            lines = (run / "metrics.jsonl").read_text().splitlines() if (run / "metrics.jsonl").exists() else []
            if any(json.loads(line)["updates"] > 50 for line in lines[:-1]):
                break
            time.sleep(0.2)
        first.kill()
        first.wait()
        time.sleep(2)
        again.append(start(port)[0])

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        _, errors = training.communicate(timeout=900)
    finally:
        thread.join(30)
        for process in (first, training, *again):
            process.kill()
            process.wait()
    assert training.returncode == 0, errors
    assert "begins anew when it is back" in errors
    assert "Traceback" not in errors
    assert json.loads((run / "settings.json").read_text())["hyperparameters"]["sim"].startswith("donkeysim://")
    assert "the simulator at donkeysim://" in json.loads((run / "model" / "manifest.json").read_text())["trained_on"]
    frames = [json.loads(line)["frames"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert frames[-1] >= 1500


def test_what_cannot_be_trained_in_is_one_line(manage, tmp_path: Path) -> None:
    def train(*words: str):
        return manage("train", "--runs", tmp_path, "--name", "x", *words)

    assert_one_line(train("--sim", "donkeysim://h/moon"), "no scene 'moon'")
    assert_one_line(train("--sim", "unity"), "'unity' is no simulator", "donkeysim://HOST:PORT/SCENE")
    assert_one_line(train("--sim", "donkeysim://h", "--values", "rolled_out"), "rolled_out values need the embedded")


@needs_tensorflow
def test_a_simulator_that_is_not_there_is_one_line_and_no_run(manage, tmp_path: Path) -> None:
    process = manage("train", "--sim", "donkeysim://127.0.0.1:1/waveshare", "--runs", tmp_path, "--name", "x", *QUICK)
    assert process.returncode == 1
    assert "cannot connect to the simulator at 127.0.0.1:1" in process.stderr.strip().splitlines()[-1]
    assert "Traceback" not in process.stderr
    assert list(tmp_path.iterdir()) == []
