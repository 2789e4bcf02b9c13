"""`drive --sim ADDRESS`: the loop's camera and drivetrain are a simulator's, by wire."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from car.simulated import SimulatedDrivetrain, WireCamera, WireCar
from tests.conftest import assert_one_line
from tests.sim_bridge.donkeysim.conftest import serve  # noqa: F401, a fixture

Serve = Callable[..., tuple[str, int]]


@pytest.mark.parametrize("lockstep", [True, False])
def test_the_shipped_policy_drives_a_lap(manage, serve: Serve, tmp_path: Path, lockstep: bool) -> None:  # noqa: F811
    host, port = serve(lockstep=lockstep)
    address = f"donkeysim://{host}:{port}/waveshare"
    process = manage("drive", "--sim", address, "--laps", "1", "--no-page", "--car", tmp_path)
    assert process.returncode == 0, process.stderr
    last = process.stdout.strip().splitlines()[-1]
    assert last.startswith("SIMULATED  ")
    (left,) = (tmp_path / "drives").iterdir()
    summary = json.loads((left / "summary.json").read_text())
    assert (summary["simulator"], summary["laps"], summary["off_roads"]) == (address, 1, 0)
    assert summary["driven_m"] == pytest.approx(8.4, abs=0.5)


def test_its_clock_goes_by_the_simulators_time(serve: Serve) -> None:  # noqa: F811
    host, port = serve(lockstep=True)
    car = WireCar(f"donkeysim://{host}:{port}/waveshare")
    camera = WireCamera(car, 0.05)
    SimulatedDrivetrain(car, camera.clock_ns).run(0.0, 0.3)
    times = [camera.run()[1] for _ in range(5)]
    assert all(later - earlier >= 49_000_000 for earlier, later in pairwise(times))
    assert car.figures()["driven_m"] > 0
    camera.shutdown()


def test_a_car_off_the_road_is_put_back(serve: Serve) -> None:  # noqa: F811
    host, port = serve(lockstep=True)
    car = WireCar(f"donkeysim://{host}:{port}/waveshare")
    car.command = (1.0, 0.5)
    for _ in range(100):
        car.advance(0.05)
        if car.off_roads:
            break
    assert car.off_roads == 1
    assert car._frame.speed_m_s == 0
    car.close()


def test_what_cannot_be_is_one_line(manage) -> None:
    assert_one_line(manage("drive", "--sim", "donkeysim://127.0.0.1:1/waveshare"), "cannot connect", "start it there")
    assert_one_line(manage("drive", "--sim", "donkeysim://127.0.0.1/moon"), "no scene 'moon'", "waveshare")
    assert_one_line(manage("drive", "donkeysim://127.0.0.1/waveshare"), "type --sim before it")
    assert_one_line(manage("drive", "--sim", "embedded"), "leave the address out")
    assert_one_line(manage("sim", "serve", "--dial", "x"), "--dial 'x' is no HOST:PORT")
    assert_one_line(manage("sim", "serve", "--host", "256.1.1.1"), "cannot listen", "--host")
