"""Straight roads across the driven one: how a crossing looks, for tracks that never cross themselves."""

import numpy as np

from sim_bridge.lines import MARKS, dashes
from sim_bridge.scene import Scene
from sim_bridge.track import Track

CROSSING_M = 6.0  # of road across the driven one: 3 m to each side, more than shows in the policy's picture
Across = tuple[np.ndarray, np.ndarray]  # its centre line, float64 (n, 2) metres, and the unit vector to its left


def road_across(track: Track, rng: np.random.Generator) -> Across:
    """A straight road across the driven one: its centre line, float64 (n, 2) metres, and the unit vector to its left.

    Its middle is a random point of the track, passed at 60 to 120 degrees to the road there. Drawn again, a little
    shorter, until it meets each stretch it reaches at 45 or more: laid along one it would hide where that one goes.
    """
    length_m = CROSSING_M
    while True:
        at, turn = rng.integers(len(track.points)), np.radians(rng.uniform(60, 120))
        to_left = track.offset(1.0)[at] - track.points[at]
        way = np.cos(turn) * track.tangents[at] + np.sin(turn) * to_left
        left = np.array([-way[1], way[0]])
        away_m = track.points - track.points[at]
        met = (np.abs(away_m @ left) < track.width_m) & (np.abs(away_m @ way) < length_m / 2)
        if (np.abs(track.tangents[met] @ left) > np.sin(np.pi / 4)).all():
            along_m = np.arange(-length_m / 2, length_m / 2, track.spacing_m)  # as dashes takes it
            return track.points[at] + along_m[:, None] * way, left
        length_m *= 0.95


def laid_across(road: Across, track: Track, scene: Scene, name: str) -> list[np.ndarray]:
    """The line of that name on a road across: its pieces, each (n, 2) metres."""
    points_m, left = road
    line = points_m + MARKS[name].at * track.width_m / 2 * left
    if not MARKS[name].dashed:
        return [line]
    return [line[begin:end] for begin, end in dashes(line, track.spacing_m, scene)]
