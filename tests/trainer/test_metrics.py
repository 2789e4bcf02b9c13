import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from storage.files import StorageError
from trainer.metrics import METRICS, Metrics, MetricsError, forget_after, read_metrics


def progress(
    elapsed_s: float, evaluation: object = None, resumed_s: float | None = None, **others: object
) -> SimpleNamespace:
    known = {
        "frames": 16, "updates": 4, "epsilon": 0.5, "loss": 0.1, "q": 1.0, "episode_return": 3.0, "episode_steps": 9.0,
        "share": 0.5,
    }  # fmt: skip
    return SimpleNamespace(elapsed_s=elapsed_s, evaluation=evaluation, resumed_s=resumed_s, **known | others)


EVALUATION = SimpleNamespace(finished=3, tracks=4, finished_share=0.75, mean_offset_m=0.05)


def test_what_was_written_is_read_and_the_half_line_of_a_killed_process_passed_over(tmp_path: Path) -> None:
    out = io.StringIO()
    with Metrics(tmp_path, Console(file=out)) as metrics:
        metrics(progress(1.0))
        metrics(progress(2.0, EVALUATION))
    assert "finished 3 of 4 unseen tracks, 5.0 cm" in out.getvalue()
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"elapsed_s": 3.0, "fra')
    lines = read_metrics(tmp_path)
    assert [line["elapsed_s"] for line in lines] == [1.0, 2.0]
    assert "finished_share" not in lines[0]
    assert (lines[1]["finished_share"], lines[1]["mean_offset_m"]) == (0.75, 0.05)


def test_a_resumed_run_forgets_what_came_after_its_checkpoint_and_appends(tmp_path: Path) -> None:
    with Metrics(tmp_path, Console(file=io.StringIO())) as metrics:
        for elapsed_s in (1.0, 2.0, 3.0):
            metrics(progress(elapsed_s))
    forget_after(tmp_path, 2.0)
    out = io.StringIO()
    with Metrics(tmp_path, Console(file=out)) as metrics:
        metrics(progress(32.0, resumed_s=2.0))
    assert [line["elapsed_s"] for line in read_metrics(tmp_path)] == [1.0, 2.0, 32.0]
    assert "0:30 left" in out.getvalue()  # half of this sitting is over, and it took 30 s


NOTHING_TRIED = {"epsilon": None, "episode_return": None, "episode_steps": None}


def test_what_there_is_not_is_neither_printed_nor_written(tmp_path: Path) -> None:
    """From recordings nothing is tried and no episode ends; in a simulator none has ended yet at first."""
    out = io.StringIO()
    with Metrics(tmp_path, Console(file=out)) as metrics:
        metrics(progress(20.0, **NOTHING_TRIED))
        metrics(progress(40.0, **NOTHING_TRIED | {"epsilon": 0.25}))
        metrics(progress(60.0))
    assert [line.split("  ", 1)[1].strip() for line in out.getvalue().splitlines()] == [
        "1 steps/s  0 updates/s   0:20 left",
        "0 steps/s  0 updates/s  epsilon 0.25   0:40 left",
        "0 steps/s  0 updates/s  epsilon 0.50  return 3.0 in 9 steps   1:00 left",
    ]
    lines = read_metrics(tmp_path)
    assert [sorted({"epsilon", "episode_return", "episode_steps"} & line.keys()) for line in lines] == [
        [], ["epsilon"], ["episode_return", "episode_steps", "epsilon"],
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["{}\n{}\n", "x\n{}\n", "[]\n[]\n", None])
def test_no_metrics_are_an_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / METRICS).write_text(text)
    with pytest.raises(MetricsError, match=r"remove it|name another"):
        read_metrics(tmp_path)


def test_a_full_disk_says_where_the_best_network_is() -> None:
    metrics = Metrics(Path("/nowhere"), Console(file=io.StringIO()))
    metrics._path = Path("/dev/full")
    with metrics, pytest.raises(StorageError, match="free some space. The best network so far is in /dev"):
        metrics(progress(1.0))


def test_lines_are_json(tmp_path: Path) -> None:
    with Metrics(tmp_path, Console(file=io.StringIO())) as metrics:
        metrics(progress(1.0))
    assert json.loads((tmp_path / METRICS).read_text())["updates"] == 4
