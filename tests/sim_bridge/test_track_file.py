from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract import Contract
from settings import PROJECT
from sim_bridge.distributions import EVALUATION
from sim_bridge.simulator import Simulator
from sim_bridge.track_file import TrackFileError, read_centre_line

DONKEYSIM = PROJECT.parent / "shared" / "reference" / "tracks"


def ellipse(points: int = 60, a_m: float = 3.0, b_m: float = 2.0) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([a_m * np.cos(angles), b_m * np.sin(angles)], axis=1)


def write(path: Path, header: str, rows: np.ndarray | list[str]) -> Path:
    lines = rows if isinstance(rows, list) else [",".join(f"{value:.6f}" for value in row) for row in rows]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_metres_and_unity_units_give_the_same_line(tmp_path: Path) -> None:
    line = ellipse()
    metres = read_centre_line(write(tmp_path / "m.csv", "x,y", line))
    unity = np.stack([8 * line[:, 0], np.full(60, 0.5), 8 * line[:, 1]], axis=1)
    np.testing.assert_allclose(read_centre_line(write(tmp_path / "u.csv", "x,y,z", unity)), metres, atol=1e-5)
    spacing = np.linalg.norm(np.roll(metres, -1, 0) - metres, axis=1)
    np.testing.assert_allclose(spacing, 0.05, rtol=0.02)
    np.testing.assert_allclose(metres[0], line[0], atol=1e-6)


def test_a_repeated_first_point_is_one_point(tmp_path: Path) -> None:
    line = ellipse()
    once = read_centre_line(write(tmp_path / "once.csv", "x,y", line))
    twice = read_centre_line(write(tmp_path / "twice.csv", "x,y", np.vstack([line, line[:1]])))
    np.testing.assert_allclose(once, twice)


EIGHT = np.stack([3 * np.sin(np.linspace(0, 2 * np.pi, 50)), 2 * np.sin(2 * np.linspace(0, 2 * np.pi, 50) + 0.1)], 1)


@pytest.mark.parametrize(
    ("header", "rows", "complaint"),
    [
        ("x,y", ["0,0", "1,1"], "has 2 different points, a track needs 8"),
        ("x,y", [], "has no columns x and y"),
        ("a,b", ["0,0"], "has no columns x and y"),
        ("x,y", ["1,2", "three,4"], "line 3: 'three', '4' are no numbers"),
        ("x,y", ["1,2", "nan,4"], "line 3: 'nan', '4' are no numbers"),
        ("x,y", ["1,2", "3"], "line 3: '3', None are no numbers"),
        ("x,y", EIGHT, "crosses itself after its points"),
        ("x,y", 1000 * ellipse(), "m long, a track has 3 to 1000 m"),
        ("x,y", 0.01 * ellipse(), "m long, a track has 3 to 1000 m"),
    ],
)
def test_what_is_no_track_is_one_line(
    tmp_path: Path, header: str, rows: np.ndarray | list[str], complaint: str
) -> None:
    path = write(tmp_path / "track.csv", header, rows)
    with pytest.raises(TrackFileError) as raised:
        read_centre_line(path)
    assert complaint in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.binary(max_size=300))
def test_any_file_is_a_track_or_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "track.csv"
    path.write_bytes(content)
    with pytest.raises(TrackFileError):
        read_centre_line(path)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match="cannot read"):
        read_centre_line(tmp_path / "none.csv")


def test_cars_drive_on_given_lines_in_the_looks_of_the_table(tmp_path: Path) -> None:
    line = read_centre_line(write(tmp_path / "m.csv", "x,y", ellipse()))
    given_lines = Simulator(3, EVALUATION, 1, Contract().observation, centre_lines=[line])
    drawn = Simulator(3, EVALUATION, 1, Contract().observation)
    for car in range(3):
        track = given_lines.worlds[car].track
        assert track.length_m == pytest.approx(15.87, rel=0.01)
        assert track.width_m == drawn.worlds[car].track.width_m
        assert given_lines.worlds[car].scene == drawn.worlds[car].scene


@pytest.mark.skipif(not DONKEYSIM.exists(), reason="DonkeySim's way points are not beside this project")
def test_donkeysims_tracks_have_their_lengths() -> None:
    lengths_m = {
        "generated_track": 26.9,
        "warehouse": 44.4,
        "waveshare": 8.3,
        "mini_monaco": 62.0,
        "thunderhill": 353.2,
    }
    for name, length_m in lengths_m.items():
        line = read_centre_line(DONKEYSIM / f"{name}.csv")
        assert len(line) * 0.05 == pytest.approx(length_m, rel=0.01)
