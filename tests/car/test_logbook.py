import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from car.logbook import FILM_S, PERIOD_S, Logbook
from car.simulated import SimulatedCar
from models.contract import Contract
from models.folder import load_model
from sim_bridge.pursuit import pure_pursuit
from tests.conftest import PRETRAINED

SPEC = Contract().observation


def drive(seconds: float, logbook: Logbook, car: SimulatedCar, latency_ms: float = 7.0) -> None:
    for step in range(round(seconds / car.period_s)):
        frame, t_ns = car.advance(), int(1e9 * step * car.period_s)
        car.command = (float(pure_pursuit(car.simulator)[0]), 0.2)
        logbook.run(frame, t_ns, t_ns + int(1e6 * latency_ms), car.command[0])


def test_a_drive_leaves_its_figures_and_a_film(tmp_path: Path) -> None:
    car, model = SimulatedCar(SPEC, seed=1), load_model(PRETRAINED)
    logbook = Logbook(car, "A TEST")
    drive(15.0, logbook, car)
    folder = logbook.leave(tmp_path, model)
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["model"], summary["place"]) == (str(PRETRAINED), "A TEST")
    assert (summary["seed"], summary["track"], summary["off_roads"]) == (1, None, 0)
    assert (summary["frames"], summary["driven_s"]) == (300, 15.0)
    assert summary["laps"] == len(summary["lap_s"]) >= 1
    assert summary["driven_m"] == pytest.approx(car.simulator.state.driven_m[0], abs=0.01)
    assert sum(summary["lap_s"]) <= 15.0
    assert summary["track_m"] * summary["laps"] <= summary["driven_m"] < summary["track_m"] * (summary["laps"] + 1)
    assert 0 < summary["mean_offset_m"] < 0.06 < summary["worst_offset_m"] * 4
    assert summary["latency_ms"] == {"p50": 7.1, "p99": 7.1}
    with Image.open(folder / "drive.gif") as gif:
        assert (gif.n_frames, gif.size) == (150, (280, 120))


def test_a_long_drive_is_filmed_to_its_end_in_bounded_memory() -> None:
    class Still:
        def moment(self) -> None:
            return None

        def figures(self) -> dict[str, object]:
            return {}

    logbook = Logbook(Still(), "A TEST")
    for step in range(4000):  # 60 a second: a picture every tenth of a second all the same
        logbook.run(np.full((4, 4), step % 256, np.uint8), step * 16_666_667, step * 16_666_667, 0.0)
    assert len(logbook._kept) == round(FILM_S / PERIOD_S)
    assert int(logbook._kept[-1][0][0, 0]) > 3990 % 256
    seconds = (3999 - 6 * len(logbook._kept)) / 60
    assert int(logbook._kept[0][0][0, 0]) == pytest.approx(round(60 * seconds) % 256, abs=8)


def test_the_film_is_of_what_was_seen_not_of_what_the_cameras_buffer_holds_later() -> None:
    car = SimulatedCar(SPEC, seed=1)
    logbook = Logbook(car, "A TEST")
    buffer = car.advance()
    before, at_m = buffer.copy(), car.second_picture(60)
    logbook.run(buffer, 0, 0, 0.0)
    buffer[:] = 0
    drive(1.0, Logbook(car, "A TEST"), car)
    frame, _, draw = logbook._kept[0]
    assert (frame == before).all()
    assert (draw(60) == at_m).all()


def test_latencies_are_those_of_all_frames() -> None:
    car = SimulatedCar(SPEC, seed=1)
    logbook, frame = Logbook(car, "A TEST"), np.zeros((4, 4, 3), np.uint8)
    for number in range(1, 1001):
        logbook.run(frame, 0, number * 100_000, 0.0)  # 0.1 to 100 ms
    assert logbook.latency_ms(0.5) == pytest.approx(50, abs=0.2)
    assert logbook.latency_ms(0.99) == pytest.approx(99, abs=0.2)
    logbook.run(frame, 0, 10**12, 0.0)
    logbook.run(frame, 10, 0, 0.0)  # a clock that went back
    assert logbook.latency_ms(1.0) > 999


def test_without_a_frame_nothing_is_left(tmp_path: Path) -> None:
    assert Logbook(SimulatedCar(SPEC, seed=1), "A TEST").leave(tmp_path, load_model(PRETRAINED)) is None
    assert not list(tmp_path.iterdir())


def test_a_lap_after_leaving_the_road_is_timed_from_the_start_line() -> None:
    car = SimulatedCar(SPEC, seed=1)
    car.command = (1.0, 0.2)
    while car.off_roads == 0:
        car.advance()
    lost_s = car.driven_s
    while car.laps == 0:
        car.advance()
        car.command = (float(pure_pursuit(car.simulator)[0]), 0.2)
    assert car.lap_s == [pytest.approx(car.driven_s - lost_s)]
    assert car.figures()["driven_m"] > car.simulator.state.driven_m[0]
