import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.contract import Contract
from scripts.knowing import HIDDEN, UNITS, InTurn, Mind, Moments, Row, own_command, taught
from settings import PROJECT
from sim_bridge.real import REAL
from sim_bridge.rollout import middle_car
from sim_bridge.scene import Uniform
from sim_bridge.simulator import Simulator

CONTRACT = Contract()
FEATURES, ACTIONS = 5, len(CONTRACT.actions)


def knowing(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.knowing", *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def picture(grey: int, *, first: bool = False) -> np.ndarray:
    """An observation, all of one grey; at the start of a drive all of the stack is."""
    observation = np.full(CONTRACT.observation.shape, grey, np.uint8)
    if not first:
        observation[..., 0] = 0
    return observation


def trunk(observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    understood = np.full(FEATURES, observation[0, 0, -1] / 255, np.float32)
    return understood, np.arange(ACTIONS, dtype=np.float32)


@pytest.fixture
def weights() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = [
        (FEATURES + 2, 3 * UNITS), (UNITS, 3 * UNITS), (2, 3 * UNITS),
        (FEATURES + UNITS, HIDDEN), (HIDDEN,), (HIDDEN, 3), (3,), (3, ACTIONS),
    ]  # fmt: skip
    return [rng.normal(0, 0.3, shape).astype(np.float32) for shape in shapes]


def test_what_was_seen_before_counts_until_a_new_drive_begins(weights: list[np.ndarray]) -> None:
    mind = Mind(trunk, weights, 1.0, remembers=True)
    at_first = mind.advantages(picture(100, first=True))
    mind.advantages(picture(250))
    later = mind.advantages(picture(100))
    assert np.abs(later - at_first).max() > 0.1
    assert mind.advantages(picture(100, first=True)) == pytest.approx(at_first)


def test_who_does_not_remember_says_the_same_of_the_same_picture(weights: list[np.ndarray]) -> None:
    mind = Mind(trunk, weights, 1.0, remembers=False)
    before = mind.advantages(picture(100))
    mind.advantages(picture(250))
    assert mind.advantages(picture(100)) == pytest.approx(before)


def test_the_word_of_the_new_layers_counts_for_its_share(weights: list[np.ndarray]) -> None:
    none, part, full = (
        Mind(trunk, weights, share, remembers=True).advantages(picture(100)) for share in (0.0, 0.4, 1.0)
    )
    assert none == pytest.approx(np.arange(ACTIONS))
    assert part == pytest.approx(0.6 * none + 0.4 * full, rel=1e-4)


def test_how_the_wheels_stood_is_remembered_where_it_is_told(weights: list[np.ndarray]) -> None:
    """And straight ahead is not the same as unknown."""
    left, straight, unknown = (Mind(trunk, weights, 1.0, remembers=True) for _ in range(3))
    told = left.advantages(picture(100), -0.5), straight.advantages(picture(100), 0.0), unknown.advantages(picture(100))
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(told[one] - told[other]).max() > 0.05
    later = left.advantages(picture(100), 0.0), straight.advantages(picture(100), 0.0)
    assert np.abs(later[0] - later[1]).max() > 0.01


def test_in_drives_that_are_not_told_nobody_learns_how_the_wheels_stood() -> None:
    held = np.array([[0.5, -0.25], [0.75, 0.0]], np.float32)
    drives = Moments(np.ones((2, 2, FEATURES), np.float16), np.ones((2, 2, ACTIONS)), np.ones((2, 2), bool), held)
    *_, counts, wheels = taught(drives, np.array([True, False]))
    assert wheels.tolist() == [[[0.5, 1.0], [-0.25, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
    assert counts.dtype == wheels.dtype == np.float32


def test_a_picture_and_its_mirror_image_are_remembered_apart(weights: list[np.ndarray]) -> None:
    in_turn = InTurn(*(Mind(trunk, weights, 1.0, remembers=True) for _ in range(2)))
    alone = Mind(trunk, weights, 1.0, remembers=True)
    for grey in (10, 200, 90):
        said = in_turn.advantages(picture(grey))
        in_turn.advantages(picture(255 - grey))
        assert said == pytest.approx(alone.advantages(picture(grey)))


def test_who_knows_his_steering_turns_any_car_alike() -> None:
    """As cars do that were made to turn alike, told the same; once their wheels have come to rest."""
    cars, steering = 20, 0.4
    alike, own = (Simulator(cars, REAL | {"full_lock_deg": Uniform(26, 32)}, 0, CONTRACT.observation) for _ in range(2))
    alike.bicycles.turn_alike(middle_car(REAL))
    command = own_command(Row(middle=True, lock=True), np.full(cars, steering), own, np.arange(cars))
    assert np.ptp(command) > 0.2  # of cars that differ
    for _ in range(60):
        alike.step(np.full(cars, steering), np.full(cars, 0.2))
        own.step(command, np.full(cars, 0.2))
        heading_rad = np.stack([alike.bicycles.heading_rad, own.bicycles.heading_rad])
    alike.step(np.full(cars, steering), np.full(cars, 0.2))
    own.step(command, np.full(cars, 0.2))
    turned_rad = np.stack([alike.bicycles.heading_rad, own.bicycles.heading_rad]) - heading_rad
    assert turned_rad[1] == pytest.approx(turned_rad[0], rel=1e-3)


def test_who_knows_only_where_straight_ahead_is_rolls_there_and_turns_by_his_own_lock() -> None:
    simulator = Simulator(20, REAL, 0, CONTRACT.observation)
    cars = np.arange(20)
    trims = np.array([world.scene.steering_trim for world in simulator.worlds])
    assert own_command(Row(middle=True), np.zeros(20), simulator, cars) == pytest.approx(-trims)
    assert own_command(Row(middle=True), np.full(20, 0.5), simulator, cars) == pytest.approx(0.5 - trims)
    assert own_command(Row(), np.full(20, 0.5), simulator, cars) == pytest.approx(np.full(20, 0.5))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("nowhere",), "nowhere is no folder"),
        ((str(PROJECT / "docs"),), "holds no donkeycar tub"),
        ((".", "--rounds", "1"), "at least 2 rounds"),
        ((".", "--worlds", "3"), "25 worlds"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(options: tuple[str, ...], said: str) -> None:
    refused = knowing(*options)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed")
def test_all_rows_are_measured(driven_tub: Path) -> None:
    page = PROJECT / "docs" / "sim2real.md"
    before = page.read_bytes()
    done = knowing(str(driven_tub), "--rounds", "4", "--updates", "60", "--worlds", "25")
    assert done.returncode == 0, done.stderr
    without, with_memory, told, *rows = done.stdout.splitlines()
    assert without.startswith("without a memory: loss 0.")
    assert with_memory.startswith("with one: loss 0.")
    assert told.startswith("told: loss 0.")
    assert len(rows) == 10
    for row in rows:
        finished, _, score = (cell.strip() for cell in row.split("|")[2:-1])
        assert finished.endswith(" of 25")
        assert -1 <= float(score) <= 1
    assert page.read_bytes() == before  # another measurement is not the page's
