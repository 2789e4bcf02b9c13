import subprocess
import sys
from pathlib import Path

import pytest

from errors import UserError
from settings import PROJECT
from sim_bridge import bench, rounds
from sim_bridge.rounds import PEERS_PYTHON, Contestant, figures

OURS = "sim_bridge.bench_ours"


def test_the_benchmark_prints_its_table(manage) -> None:
    process = manage("bench", "sim", "--rounds", "1", "--steps", "10", env={"COLUMNS": "120", "PATH": ""})
    assert process.returncode == 0, process.stderr
    for words in (
        "1 car, luma",
        "64 cars, 160x120 RGB",
        "by DonkeySim's wire",
        "frames/s",
        "µs a frame",
        "Python 3",
        "CarRacing-v3",
    ):
        assert words in process.stdout
    assert ("make peers" in process.stdout) != PEERS_PYTHON.exists()


@pytest.mark.skipif(not PEERS_PYTHON.exists(), reason="CarRacing-v3 is not installed: type `make peers`")
def test_car_racing_is_the_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "CARS", (1,))
    rows = bench.bench_sim(1, 10, "training", lambda done, of: None).as_json()["results"]
    assert [row["name"] for row in rows][-1] == "CarRacing-v3"
    assert rows[-1]["times_car_racing"] == 1
    for row in rows:
        assert row["frames_per_s"] * row["us_per_frame"] == pytest.approx(1e6)


def test_without_the_peers_only_ours_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "PEERS_PYTHON", tmp_path / "none")
    monkeypatch.setattr(bench, "CARS", (2,))
    ticks = []
    result = bench.bench_sim(2, 10, "real", lambda done, of: ticks.append((done, of)))
    assert ticks == [(done, 6) for done in range(1, 7)]
    assert [row.times_car_racing for row in result.results] == [None] * 3
    assert result.results[-1].name == "1 car by DonkeySim's wire, lock-step"
    assert result.table == "real"


def test_a_table_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UserError, match="there is no table 'raal'; there are training, evaluation, wide, real"):
        bench.bench_sim(1, 10, "raal", lambda done, of: None)


def test_figures_are_medians_by_contestant(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fixed:
        def __init__(self, *values: float) -> None:
            self.values, self.closed = list(values), False

        def round(self) -> dict[str, float]:
            return {"ms": self.values.pop(0)}

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(rounds, "PAUSE_S", 0)
    contestants = [Fixed(1, 9, 2), Fixed(30, 10, 20)]
    assert figures(contestants, 3, lambda: None) == [{"ms": 2}, {"ms": 20}]
    assert all(one.closed for one in contestants)


def test_a_contestant_that_fails_is_one_line() -> None:
    with pytest.raises(UserError, match="ours could not be measured: KeyError: 'cars'"):
        Contestant("ours", OURS, {}, {0})


def test_a_contestant_keeps_to_its_cores() -> None:
    one = Contestant("ours", OURS, {"cars": 1, "steps": 10, "table": "real", "rgb": False}, {0})
    try:
        status = Path(f"/proc/{one._process.pid}/status").read_text()
    finally:
        one.close()
    assert "Cpus_allowed_list:\t0\n" in status


def test_a_contestants_side_needs_nothing_but_python() -> None:
    """It runs in the venv of the peers too, which has no rich and no typer."""
    program = "import sys; sys.path.insert(0, 'sim_bridge'); import contestant; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"rich", "typer", "numpy", "cv2"} & set(modules)
