"""Centre lines from CSV files, such as DonkeySim's way points: columns x and y in metres, or x, y, z in Unity's units.

In Unity y points up and z forward, so the ground is x and z; DonkeySim builds its world at 8 units to a metre.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from errors import UserError
from sim_bridge.track import POINT_SPACING_M, CentreLine, resample

FEWEST_POINTS, MOST_POINTS = 8, 10_000
UNITY_UNITS_PER_M = 8.0
SHORTEST_M, LONGEST_M = 3.0, 1000.0
NARROWEST_CROSSING_DEG = 30.0  # two stretches that cross at less share more floor than they have alone
TURNED_BACK_DEG = 150.0  # no road bends by so much from one point to the next


class TrackFileError(UserError):
    """A file holds no track that can be driven. The message is one line: the cause and the remedy."""


def read_centre_lines(paths: Sequence[Path], *, crossings: bool) -> list[CentreLine]:
    """Those of all these files; a folder stands for every *.csv in it, by name. A file named twice counts once.

    Raises TrackFileError as read_centre_line does, where a folder has no CSV file, and for two files of one name.
    """
    files: dict[Path, None] = {}
    for path in paths:
        found = sorted(path.glob("*.csv")) if path.is_dir() else [path]
        if not found:
            raise TrackFileError(
                f"{path} has no .csv file in it; name a CSV file of a centre line, or a folder of them"
            )
        files |= dict.fromkeys(file.resolve() for file in found)
    lines: dict[str, CentreLine] = {}
    for file in files:
        if file.stem in lines:
            raise TrackFileError(f"{file}: there is another track of that name; rename one of them")
        lines[file.stem] = read_centre_line(file, crossings=crossings)
    return list(lines.values())


def read_centre_line(path: Path, *, crossings: bool = False) -> CentreLine:
    """A closed centre line by the name of its file, evenly spaced by about POINT_SPACING_M, in the file's order.

    The last point is joined to the first. A point that is reached by turning back, and left by turning back again, is
    dropped: recorded lines overlap so where they close. crossings: a line that crosses itself is a road that does.
    Raises TrackFileError for a file that cannot be read, has no columns x and y, something else than numbers in them,
    too few points or too many, a length that is no track's, or a line that crosses itself: without `crossings`, or
    where no road can, at less than NARROWEST_CROSSING_DEG or in a loop shorter than SHORTEST_M.
    """
    points, rows = _points(path)
    moved = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1) > 1e-6
    points, rows = points[moved], rows[moved]  # some files repeat the first point at the end
    if len(points) > MOST_POINTS:
        raise TrackFileError(f"{path} has {len(points)} points, a track has at most {MOST_POINTS}; leave some out")
    points, rows = _without_turning_back(points, rows)
    if len(points) < FEWEST_POINTS:
        raise TrackFileError(f"{path} has {len(points)} different points, a track needs {FEWEST_POINTS}; add some")
    steps_m = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    length_m = float(steps_m.sum())
    if not SHORTEST_M <= length_m <= LONGEST_M:
        raise TrackFileError(
            f"{path} is {length_m:.1f} m long, a track has {SHORTEST_M:g} to {LONGEST_M:g} m; "
            "are its units metres (columns x, y) or eighths of a metre (x, y, z)?"
        )
    along_m = np.cumsum(steps_m) - steps_m
    for one, other, share_of_one, share_of_other in _crossings(points):
        place_m = points[one] + share_of_one * (points[(one + 1) % len(points)] - points[one])
        x_m, y_m = np.round(place_m, 1) + 0.0  # + 0: no minus zero
        where = f"{path} crosses itself after its lines {rows[one]} and {rows[other]}, at ({x_m}, {y_m}) m"
        if not crossings:
            raise TrackFileError(f"{where}; mend the file or, where the road really crosses itself, add --crossings")
        one_m, other_m = along_m[one] + share_of_one * steps_m[one], along_m[other] + share_of_other * steps_m[other]
        angle_deg = _angle_deg(points, one, other)
        loop_m = min(other_m - one_m, length_m - (other_m - one_m))
        if angle_deg < NARROWEST_CROSSING_DEG or loop_m < SHORTEST_M:
            raise TrackFileError(
                f"{where}, by {angle_deg:.0f} degrees after a loop of {loop_m:.1f} m; a road crosses itself by "
                f"{NARROWEST_CROSSING_DEG:g} at least, after {SHORTEST_M:g} m: mend the file"
            )
    return CentreLine(path.stem, resample(points, round(length_m / POINT_SPACING_M)))


def _points(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The file's points, float64 (n, 2) metres, and the number of the line that each is on, int (n,)."""
    points, numbers = [], []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            columns = set(rows.fieldnames or ())
            if not {"x", "y"} <= columns:
                raise TrackFileError(f"{path} has no columns x and y in its first line; a centre line has x,y or x,y,z")
            names, scale = (("x", "z"), UNITY_UNITS_PER_M) if "z" in columns else (("x", "y"), 1.0)
            for row in rows:
                try:
                    point = [float(row[name]) / scale for name in names]
                except (TypeError, ValueError):
                    point = [float("nan")]
                if not np.isfinite(point).all():
                    values = ", ".join(repr(row[name]) for name in names)
                    raise TrackFileError(f"{path}, line {rows.line_num}: {values} are no numbers; mend that line")
                points.append(point)
                numbers.append(rows.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise TrackFileError(f"cannot read {path}: {cause}; name a CSV file of a centre line") from error
    return np.array(points).reshape(-1, 2), np.array(numbers, int)


def _without_turning_back(points: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without the points between two turns of more than TURNED_BACK_DEG."""
    while len(points) >= FEWEST_POINTS:
        way = np.roll(points, -1, axis=0) - points
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
        turns_back = (way * np.roll(way, 1, axis=0)).sum(axis=1) < np.cos(np.radians(TURNED_BACK_DEG))  # at each point
        between = np.flatnonzero(turns_back & np.roll(turns_back, 1))
        if not len(between):
            break
        points, rows = np.delete(points, between[0], axis=0), np.delete(rows, between[0])
    return points, rows


def _crossings(points: np.ndarray) -> list[tuple[int, int, float, float]]:
    """The pairs of pieces of the closed line that cross or touch, and how far along each, as shares, they do.

    Piece i goes from point i to the next. One place comes more than once where it is a point of the line.
    """
    start, way = points, np.roll(points, -1, axis=0) - points
    found = []
    for piece in range(len(points) - 2):
        others = slice(piece + 2, len(points) - (piece == 0))  # all later ones but the neighbours
        from_start = start[others] - start[piece]
        across = way[piece, 0] * way[others, 1] - way[piece, 1] * way[others, 0]
        with np.errstate(divide="ignore", invalid="ignore"):  # parallel pieces: no share of them is in range
            own = (from_start[:, 0] * way[others, 1] - from_start[:, 1] * way[others, 0]) / across
            others_own = (from_start[:, 0] * way[piece, 1] - from_start[:, 1] * way[piece, 0]) / across
        meet = np.abs(own - 0.5) <= 0.5 + 1e-9
        meet &= np.abs(others_own - 0.5) <= 0.5 + 1e-9
        for other in np.flatnonzero(meet):
            found.append((piece, piece + 2 + int(other), float(own[other]), float(others_own[other])))
    return found


def _angle_deg(points: np.ndarray, one: int, other: int) -> float:
    """Between two pieces of the line, 0 to 90."""
    first, second = (points[(piece + 1) % len(points)] - points[piece] for piece in (one, other))
    cosine = abs(first @ second) / (np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.degrees(np.arccos(min(1.0, cosine))))
