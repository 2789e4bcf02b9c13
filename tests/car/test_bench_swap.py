import json

from rich.console import Console

from car import bench_swap
from car.bench_swap import KINDS, Run, SwapBench


def test_both_kinds_drive_the_same_chip_with_and_without_a_real_store() -> None:
    """The real loop, chip, store and following process. What the figures are is the machine's affair, not a test's."""
    ticks: list[tuple[int, int]] = []
    result = bench_swap.bench_swap(1, 160, "here", lambda done, of: ticks.append((done, of)))
    assert ticks == [(1, 2), (2, 2)]
    assert list(result.runs) == list(KINDS.values())
    for [run] in result.runs.values():
        assert 0 < run.p50_ms <= run.p99_ms <= run.max_ms
    assert result.runs[KINDS[False]][0].swaps == 0
    assert json.loads(json.dumps(result.as_json()))["frames"] == 160


def test_the_table_shows_medians_and_adds_what_is_counted() -> None:
    runs = [Run(1.0, p99, 9.0, missed, 2) for p99, missed in ((2.0, 0), (4.0, 1), (3.0, 0))]
    console = Console(width=120, record=True)
    bench_swap.print_table(SwapBench("here", 100, 40.0, {KINDS[False]: runs, KINDS[True]: runs}), console)
    rows = [line.split() for line in console.export_text().splitlines() if line.count("3.00")]
    assert len(rows) == 2
    for row in rows:
        assert [cell for cell in row if cell[0].isdigit()] == ["1.00", "3.00", "9.00", "1", "6"]
