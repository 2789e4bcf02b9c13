"""The comparison of docs/simulators.md, with trainings that are much too short to say anything."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.by_wire import BEGIN, END
from settings import PROJECT

PORT = 19191
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed: type `make install-dev`"
)


@pytest.mark.slow
def test_what_is_there_is_not_made_again_and_what_was_ended_goes_on(tmp_path: Path) -> None:
    folder, page = tmp_path / "runs", tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert "| by wire | " in compare(folder, page)
    assert page.read_text().startswith(f"before\n{BEGIN}\n`python -m scripts.by_wire`: 4,000 steps each; ")
    assert page.read_text().endswith(f"{END}\nafter\n")
    worlds = [json.loads((folder / name / "settings.json").read_text()) for name in ("embedded-0", "wire-0")]
    assert [one["hyperparameters"].pop("sim") for one in worlds] == [
        "embedded", f"donkeysim://127.0.0.1:{PORT}/generated_road"
    ]  # fmt: skip
    assert worlds[0]["hyperparameters"] == worlds[1]["hyperparameters"]
    kept = (folder / "embedded-0" / "metrics.jsonl").read_text()
    cut = folder / "wire-0" / "metrics.jsonl"  # as if it had been killed before its last steps
    cut.write_text("".join(line for line in cut.read_text().splitlines(keepends=True) if frames(line) < 4000))
    (folder / "wire-0-4000-steps-4-tracks.json").unlink()
    shutil.rmtree(folder / "wire-0" / "model")
    compare(folder, page)
    assert (folder / "embedded-0" / "metrics.jsonl").read_text() == kept
    assert frames(cut.read_text().splitlines()[-1]) >= 4000
    assert (folder / "wire-0" / "model" / "model.tflite").exists()


def compare(folder: Path, page: Path) -> str:
    words = ["--steps", "4000", "--seeds", "1", "--tracks", "4", "--port", str(PORT)]
    return subprocess.run(
        [sys.executable, "-m", "scripts.by_wire", *words, "--folder", folder, "--page", page],
        cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True, timeout=1200,
    ).stdout  # fmt: skip


def frames(line: str) -> int:
    return json.loads(line)["frames"]
