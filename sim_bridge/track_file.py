"""Centre lines from CSV files, such as DonkeySim's way points: columns x and y in metres, or x, y, z in Unity's units.

In Unity y points up and z forward, so the ground is x and z; DonkeySim builds its world at 8 units to a metre.
"""

import csv
from pathlib import Path

import numpy as np

from errors import UserError
from sim_bridge.track import POINT_SPACING_M, resample

FEWEST_POINTS = 8
UNITY_UNITS_PER_M = 8.0
SHORTEST_M, LONGEST_M = 3.0, 1000.0


class TrackFileError(UserError):
    """A file holds no track that can be driven. The message is one line: the cause and the remedy."""


def read_centre_line(path: Path) -> np.ndarray:
    """A closed centre line, float64 (n, 2) metres, evenly spaced by about POINT_SPACING_M, in the file's order.

    The last point is joined to the first. Raises TrackFileError for a file that cannot be read, has no columns x and y,
    something else than numbers in them, fewer than FEWEST_POINTS points, or a line that crosses itself.
    """
    points = _points(path)
    steps = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    points = points[steps > 1e-6]  # some files repeat the first point at the end
    if len(points) < FEWEST_POINTS:
        raise TrackFileError(f"{path} has {len(points)} different points, a track needs {FEWEST_POINTS}; add some")
    length_m = float(np.linalg.norm(np.roll(points, -1, 0) - points, axis=1).sum())
    if not SHORTEST_M <= length_m <= LONGEST_M:
        raise TrackFileError(
            f"{path} is {length_m:.1f} m long, a track has {SHORTEST_M:g} to {LONGEST_M:g} m; "
            "are its units metres (columns x, y) or eighths of a metre (x, y, z)?"
        )
    crossing = _first_crossing(points)
    if crossing is not None:
        raise TrackFileError(f"{path} crosses itself after its points {crossing[0]} and {crossing[1]}; mend the line")
    return resample(points, round(length_m / POINT_SPACING_M))


def _points(path: Path) -> np.ndarray:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrackFileError(f"cannot read {path}: {error}; name a CSV file of a centre line") from error
    columns = set(rows[0]) if rows else set()
    if not {"x", "y"} <= columns:
        raise TrackFileError(f"{path} has no columns x and y in its first line; a centre line has x,y or x,y,z")
    names, scale = (("x", "z"), UNITY_UNITS_PER_M) if "z" in columns else (("x", "y"), 1.0)
    points = []
    for number, row in enumerate(rows, start=2):
        try:
            point = [float(row[name]) / scale for name in names]
        except (TypeError, ValueError):
            point = [float("nan")]
        if not np.isfinite(point).all():
            values = ", ".join(repr(row[name]) for name in names)
            raise TrackFileError(f"{path}, line {number}: {values} are no numbers; mend that line")
        points.append(point)
    return np.array(points)


def _first_crossing(points: np.ndarray) -> tuple[int, int] | None:
    """The numbers of two pieces of the closed line that cross, or None. Piece i goes from point i to the next."""
    start, end = points, np.roll(points, -1, axis=0)
    way = end - start

    def side(of: np.ndarray) -> np.ndarray:
        """On which side of piece i point j lies, (i, j)."""
        from_start = of[None] - start[:, None]
        return way[:, None, 0] * from_start[..., 1] - way[:, None, 1] * from_start[..., 0]

    apart = side(start) * side(end) < 0  # (i, j): the ends of piece j lie on both sides of piece i
    crossing = np.argwhere(apart & apart.T)
    neighbours = np.isin((crossing[:, 0] - crossing[:, 1]) % len(points), (0, 1, len(points) - 1))
    crossing = crossing[~neighbours]
    return (int(crossing[0, 0]), int(crossing[0, 1])) if len(crossing) else None
