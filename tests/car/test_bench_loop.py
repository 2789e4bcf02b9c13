import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from rich.console import Console

from car import bench_loop, bench_ours
from car.bench_camera import BenchCamera, load_frames
from car.bench_loop import Contestant, LoopBench, Stage
from errors import UserError
from models.contract import Contract

SPEC = Contract().observation


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="no TensorFlow here to make donkeycar's linear model")
def test_both_drive_the_same_chip_and_every_stage_takes_its_time(tmp_path: Path, monkeypatch) -> None:
    """The real parts, processes and sockets. What the figures are is the machine's affair, not a test's."""
    linear = tmp_path / "linear.tflite"
    subprocess.run([sys.executable, "-m", "trainer.donkey_linear", linear], check=True, capture_output=True)
    assert 3_268_000 < linear.stat().st_size < 3_300_000  # 817,028 float32 parameters
    monkeypatch.setattr(bench_loop, "RUNS", 1)
    ticks: list[tuple[int, int]] = []
    result = bench_loop.bench_loop(60, None, linear, "here", lambda done, of: ticks.append((done, of)))
    assert ticks == [(1, 2), (2, 2)]
    ours, donkeycars = result.contestants
    assert 15 <= ours.decisions <= 30  # of 60 frames at 40 Hz every second one, but for the first ten
    assert donkeycars.decisions >= 10
    assert [stage.name for stage in ours.stages] == [*bench_ours.STAGES, "total", "all but the policy"]
    for contestant in result.contestants:
        for stage in contestant.stages:
            assert 0 < stage.p50_ms <= stage.p99_ms <= stage.max_ms
    assert json.loads(json.dumps(result.as_json()))["times_donkeycar_p99"] == result.times_donkeycar_p99
    console = Console(width=100, record=True)
    bench_loop.print_table(result, console)
    assert "guardian, chip" in console.export_text()


def test_without_donkeycars_model_ours_stands_alone_and_the_remedy_is_said() -> None:
    alone = Contestant("this car", 1, [Stage("total", 1, 2, 3), Stage("all but the policy", 0.5, 1, 1)])
    result = LoopBench("here", 1, 40.0, [alone])
    assert result.times_donkeycar_p99 is None
    assert result.rest_p50_ms == 0.5
    console = Console(width=120, record=True)
    bench_loop.print_table(result, console)
    assert "make install-trainer" in console.export_text()


def test_viewers_of_the_page_are_a_contestant_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_loop, "RUNS", 1)
    result = bench_loop.bench_loop(60, None, None, "here", lambda done, of: None, viewers=2)
    alone, watched = result.contestants
    assert (alone.name, watched.name) == ("this car", "this car, 2 watch its page")
    assert watched.decisions >= 15
    assert [stage.name for stage in watched.stages] == [stage.name for stage in alone.stages]
    assert result.times_donkeycar_p99 is None


def test_one_slow_run_of_three_moves_the_longest_but_not_the_medians() -> None:
    runs = [[{"total": scale * ms} for ms in (1.0, 2.0, 3.0)] for scale in (1, 100, 1)]
    [stage] = bench_loop._stages(runs)
    assert (stage.p50_ms, stage.max_ms) == (2.0, 300.0)
    assert stage.p99_ms == pytest.approx(2.98)


def test_a_contestant_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"car\.bench_ours could not be measured: .*no donkeycar tub"):
        bench_loop.bench_loop(200, tmp_path / "nowhere", None, "here", lambda done, of: None)


def test_a_write_counts_for_the_frame_whose_command_came_just_before() -> None:
    def at(ms: int, policy_ms: int) -> tuple[int, dict[str, int], dict[str, int]]:
        ns = 1_000_000
        began = {"Policy": (policy_ms + 1) * ns, "Drivetrain": (ms + 3) * ns}
        done = {"BenchCamera": (ms + 1) * ns, "Preprocessing": (ms + 1) * ns + 1, "Policy": (ms + 2) * ns}
        return ms * ns, began, done

    rounds = [at(100, 100), at(125, 100), at(150, 150), at(200, 200)]  # the second was not decided on
    rows = bench_ours._samples(rounds, [int(1e6 * ms) for ms in (90, 105, 106, 130, 205)])
    assert [row["total"] for row in rows] == [5.0, 5.0]  # the third's command was never written
    assert rows[0]["guardian, chip"] == pytest.approx(2.0)
    assert sum(rows[0][stage] for stage in bench_ours.STAGES) == pytest.approx(rows[0]["total"])


def test_the_chips_log_tells_when_the_steering_changed(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    steering = 0x06 + 4 * bench_ours.nominal().steering.channel
    throttle = 0x06 + 4 * bench_ours.nominal().throttle.channel
    writes = [(1, [steering, 0, 0, 1, 1]), (2, [throttle, 0, 0, 1, 1]), (3, [min(steering, throttle), *([0] * 8)])]
    lines = [{"t_ns": t_ns, "write": bytes(data).hex()} for t_ns, data in writes]
    log.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"t_ns": 4, "refused": "00"}]))
    assert bench_ours._steering_writes(log) == [1, 3]


def test_the_benchs_camera_gives_each_frame_once_to_us_and_the_newest_to_donkeycar(driven_tub: Path) -> None:
    camera = BenchCamera(load_frames(SPEC, str(driven_tub), luma=True), rate_hz=200)
    camera.start()
    sequences = [camera.run()[2] for _ in range(5)]
    assert sequences == sorted(set(sequences))
    frame, ready_ns = camera.run_threaded()
    assert frame.shape == (120, 160)
    assert 0 <= camera.clock_ns() - ready_ns < 10e9
    camera.shutdown()
