import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from storage.files import StorageError
from trainer.metrics import METRICS, Metrics, MetricsError, forget_after, read_metrics


def progress(elapsed_s: float, evaluation: object = None, resumed_s: float | None = None) -> SimpleNamespace:
    return SimpleNamespace(
        elapsed_s=elapsed_s, frames=16, updates=4, epsilon=0.5, loss=0.1, q=1.0, episode_return=3.0, episode_steps=9.0,
        share=0.5, resumed_s=resumed_s, evaluation=evaluation,
    )  # fmt: skip


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
