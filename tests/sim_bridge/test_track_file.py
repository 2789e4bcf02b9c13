from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract import Contract
from settings import PROJECT
from sim_bridge.distributions import EVALUATION
from sim_bridge.simulator import Simulator
from sim_bridge.track_file import TrackFileError, read_centre_line, read_centre_lines

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
    metres = read_centre_line(write(tmp_path / "m.csv", "x,y", line)).points
    unity = np.stack([8 * line[:, 0], np.full(60, 0.5), 8 * line[:, 1]], axis=1)
    np.testing.assert_allclose(read_centre_line(write(tmp_path / "u.csv", "x,y,z", unity)).points, metres, atol=1e-5)
    spacing = np.linalg.norm(np.roll(metres, -1, 0) - metres, axis=1)
    np.testing.assert_allclose(spacing, 0.05, rtol=0.02)
    np.testing.assert_allclose(metres[0], line[0], atol=1e-6)


def test_a_repeated_first_point_is_one_point(tmp_path: Path) -> None:
    line = ellipse()
    once = read_centre_line(write(tmp_path / "once.csv", "x,y", line))
    twice = read_centre_line(write(tmp_path / "twice.csv", "x,y", np.vstack([line, line[:1]])))
    np.testing.assert_allclose(once.points, twice.points)


def eight(points: int = 60, a_m: float = 3.0, b_m: float = 2.0, start: float = 0.1) -> np.ndarray:
    """A figure of eight (Gerono's lemniscate). start 0 and an even count: the place is a point of both passes."""
    t = start + np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([a_m * np.sin(t), b_m * np.sin(2 * t)], axis=1)


@pytest.mark.parametrize(
    ("header", "rows", "complaint"),
    [
        ("x,y", ["0,0", "1,1"], "has 2 different points, a track needs 8"),
        ("x,y", [], "has 0 different points"),
        ("", [], "has no columns x and y"),
        ("a,b", ["0,0"], "has no columns x and y"),
        ("x,y", ["1,2", "three,4"], "line 3: 'three', '4' are no numbers"),
        ("x,y", ["1,2", "nan,4"], "line 3: 'nan', '4' are no numbers"),
        ("x,y", ["1,2", "3"], "line 3: '3', None are no numbers"),
        ("x,y", eight(60), "crosses itself after its lines 31 and 61, at (0.0, 0.0) m; mend"),
        ("x,y", eight(10_002), "has 10002 points, a track has at most 10000"),
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


@given(st.integers(8, 120), st.floats(0, 7), st.floats(0.5, 30), st.floats(0.5, 30), st.floats(0, 7), st.booleans())
def test_every_figure_of_eight_is_refused_and_no_ring(
    tmp_path_factory: pytest.TempPathFactory,
    points: int, start: float, a_m: float, b_m: float, turned_rad: float, through_a_point: bool,
) -> None:  # fmt: skip
    """Also where the two passes meet in a point of the file, exactly."""
    turned = np.array([[np.cos(turned_rad), np.sin(turned_rad)], [-np.sin(turned_rad), np.cos(turned_rad)]])
    folder = tmp_path_factory.mktemp("any")
    line = eight(2 * points if through_a_point else points, a_m, b_m, 0 if through_a_point else start)
    with pytest.raises(TrackFileError, match="crosses itself .* add --crossings"):
        read_centre_line(write(folder / "eight.csv", "x,y", line @ turned))
    read_centre_line(write(folder / "ring.csv", "x,y", ellipse(points, a_m, b_m) @ turned))


@pytest.mark.parametrize("start", [0.0, 0.1])
def test_where_a_crossing_is_allowed_the_line_is_read(tmp_path: Path, start: float) -> None:
    line = read_centre_line(write(tmp_path / "eight.csv", "x,y", eight(60, start=start)), crossings=True)
    assert line.name == "eight"
    gaps_m = np.linalg.norm(eight(6000)[:, None] - line.points[None], axis=2).min(axis=1)
    assert gaps_m.max() < 0.05


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (eight(60, a_m=9, b_m=0.5), r"by 13 degrees after a loop of 18\.\d m; a road crosses itself by 30"),
        (eight(60, a_m=0.6, b_m=0.5), r"degrees after a loop of 2\.\d m; a road .* after 3 m: mend the file"),
        (np.vstack([ellipse(30), 1.02 * ellipse(30)]), "a road crosses itself by 30"),  # two laps in a file
    ],
)
def test_no_option_makes_a_tangle_a_road(tmp_path: Path, line: np.ndarray, complaint: str) -> None:
    with pytest.raises(TrackFileError, match=complaint):
        read_centre_line(write(tmp_path / "track.csv", "x,y", line), crossings=True)


def test_points_reached_by_turning_back_are_dropped(tmp_path: Path) -> None:
    """As where a recorded line closes: it goes on for a little over where it began."""
    line = ellipse()
    whole = read_centre_line(write(tmp_path / "whole.csv", "x,y", line))
    overlapping = np.vstack([line, line[:1] + 0.4 * (line[1:2] - line[:1]) + 0.01])
    mended = read_centre_line(write(tmp_path / "overlapping.csv", "x,y", overlapping))
    assert len(mended.points) == len(whole.points)
    gaps_m = np.linalg.norm(mended.points[:, None] - whole.points[None], axis=2).min(axis=1)
    assert gaps_m.max() < 0.04


def test_files_and_folders_of_tracks(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b", "a"):
        write(folder / f"{name}.csv", "x,y", ellipse())
    (folder / "README.md").write_text("not a track")
    other = write(tmp_path / "c.csv", "x,y", ellipse())
    lines = read_centre_lines([other, folder, folder / "b.csv"], crossings=False)
    assert [line.name for line in lines] == ["c", "a", "b"]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(TrackFileError, match=r"empty has no \.csv file in it"):
        read_centre_lines([empty], crossings=False)
    write(empty / "a.csv", "x,y", ellipse())
    with pytest.raises(TrackFileError, match="another track of that name"):
        read_centre_lines([folder, empty], crossings=False)


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
        "sparkfun_avc": 131.0,
        "waveshare": 8.3,
        "mountain_track": 64.5,
        "thunderhill": 353.2,
        "roboracingleague_1": 49.0,
        "mini_monaco": 62.0,
        "warren": 49.4,
        "circuit_launch": 46.7,
    }
    crossing = {"sparkfun_avc", "circuit_launch"}
    for name, length_m in lengths_m.items():
        file = DONKEYSIM / f"{name}.csv"
        if name in crossing:
            with pytest.raises(TrackFileError, match="add --crossings"):
                read_centre_line(file)
        line = read_centre_line(file, crossings=True)
        # A hundredth: the warehouse's and thunderhill's length has the way back at the seam, which is dropped.
        assert len(line.points) * 0.05 == pytest.approx(length_m, rel=0.012)
