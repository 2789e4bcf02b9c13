import importlib.util
import json
from pathlib import Path

import pytest

from tests.conftest import assert_one_line

if importlib.util.find_spec("matplotlib") is None:
    pytest.skip("Matplotlib is not installed: type `make install-dev`", allow_module_level=True)


def make_run(folder: Path, shares: list[float], **hyperparameters: object) -> None:
    """A run with an evaluation every 45 s."""
    folder.mkdir(parents=True)
    settings = {"commit": 40 * "c", "hyperparameters": {"seed": 0, "gamma": 0.9} | hyperparameters}
    (folder / "settings.json").write_text(json.dumps(settings))
    lines = [
        {"elapsed_s": 45.0 * (index + 1), "frames": 10, "updates": 1000 * (index + 1), "epsilon": 0.1, "loss": 0.1,
         "q": 1.0, "episode_return": 5.0, "episode_steps": 9.0, "finished_share": share, "mean_offset_m": 0.04}
        for index, share in enumerate(shares)
    ]  # fmt: skip
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_the_table_tells_what_differs_and_what_came_of_it(manage, tmp_path: Path) -> None:
    make_run(tmp_path / "far", [0.2, 0.6, 0.94], gamma=0.95)
    make_run(tmp_path / "near", [0.1, 0.4, 0.5])
    process = manage("train", "--compare", "far", "near", "--runs", tmp_path)
    assert process.returncode == 0, process.stderr
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in process.stdout.splitlines() if "│" in line]
    assert rows == [
        ["gamma", "0.95", "0.9"],
        ["50 % of the validation tracks after", "90 s", "135 s"],
        ["90 % after", "135 s", "-"],
        ["best finished share", "94%", "50%"],
        ["mean from the centre then", "4.0 cm", "4.0 cm"],
        ["updates", "3,000", "3,000"],
        ["trained", "135 s", "135 s"],
    ]
    assert (tmp_path / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_before_its_first_evaluation_and_one_by_its_path(manage, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "young", [])
    make_run(tmp_path / "elsewhere", [1.0])
    process = manage("train", "--compare", "young", tmp_path / "elsewhere", "--runs", tmp_path / "runs")
    assert process.returncode == 0, process.stderr
    assert "100%" in process.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--compare", "one", "nosuch"], ["no run nosuch", "known there: broken, one"]),
        (["--compare", "one"], ["two runs or more"]),
        (["--compare", "one", "one", "--gamma", "0.5"], ["leave out --gamma"]),
        (["--compare", "one", "broken"], ["settings.json cannot be used"]),
        (["one"], ["type --compare"]),
    ],
)
def test_what_cannot_be_compared_is_one_line(manage, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    make_run(tmp_path / "one", [1.0])
    make_run(tmp_path / "broken", [1.0])
    (tmp_path / "broken" / "settings.json").write_text("[]")
    assert_one_line(manage("train", *arguments, "--runs", tmp_path), *words)
