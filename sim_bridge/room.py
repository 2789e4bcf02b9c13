"""The room: how far its walls are, and what stands on its floor."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sim_bridge.scene import Scene
from sim_bridge.track import Track

CLEAR_M = 0.06  # between the road's edge and what stands beside it


@dataclass(frozen=True)
class Thing:
    """Something upright, always seen from its broad side.

    from_m, to_m: above the floor; width_m: at its lower end; taper: how much narrower its upper end is, as a share.
    """

    x_m: float
    y_m: float
    width_m: float
    from_m: float
    to_m: float
    taper: float = 0.0


@dataclass(frozen=True)
class Room:
    """An oblong along the axes from low_m to high_m, (2,) metres each."""

    low_m: np.ndarray
    high_m: np.ndarray
    things: tuple[Thing, ...] = ()


def furnish(track: Track, scene: Scene, rng: np.random.Generator) -> Room:
    """The scene's room about a track. Draws from rng only where the scene has walls."""
    low_m, high_m = track.points.min(axis=0), track.points.max(axis=0)
    if not scene.walls:
        return Room(low_m - np.inf, high_m + np.inf)
    beside_m = track.width_m / 2 + scene.wall_gap_m
    low_m, high_m = low_m - beside_m * rng.uniform(1, 2, 2), high_m + beside_m * rng.uniform(1, 2, 2)
    things: list[Thing] = []
    kinds = rng.choice(len(KINDS), scene.things, p=np.array(list(KINDS.values())) / sum(KINDS.values()))
    for kind in kinds.tolist():
        parts = list(KINDS)[kind](rng)
        reach_m = max(np.hypot(part.x_m, part.y_m) + part.width_m / 2 for part in parts)
        # Three of four stand near the road, where they are seen large.
        beside = track.points[rng.integers(len(track.points))] + rng.normal(0, 0.5 + track.width_m, 2)
        x_m, y_m = beside if rng.uniform() < 0.75 else rng.uniform(low_m, high_m)
        away_m = np.hypot(track.points[:, 0] - x_m, track.points[:, 1] - y_m).min()
        inside = (low_m + reach_m < (x_m, y_m)).all() and ((x_m, y_m) < high_m - reach_m).all()
        if inside and away_m > track.width_m / 2 + reach_m + CLEAR_M:
            things += [replace(part, x_m=x_m + part.x_m, y_m=y_m + part.y_m) for part in parts]
    return Room(low_m, high_m, tuple(things))


def _cone(rng: np.random.Generator) -> list[Thing]:
    height_m = rng.uniform(0.06, 0.5)
    return [Thing(0, 0, height_m * rng.uniform(0.4, 0.9), 0, height_m, rng.uniform(0.6, 0.95))]


def _box(rng: np.random.Generator) -> list[Thing]:
    """Cartons, bins, bottles, cabinets, piles of books."""
    return [Thing(0, 0, rng.uniform(0.06, 0.7), 0, rng.uniform(0.08, 1.2))]


def _legs(rng: np.random.Generator) -> list[Thing]:
    """A chair or a table: four legs and what lies on them."""
    half_m, thick_m, height_m = rng.uniform(0.18, 0.6), rng.uniform(0.02, 0.06), rng.uniform(0.35, 0.75)
    turn = rng.uniform(0, np.pi / 2) + np.arange(4) * np.pi / 2
    legs = [Thing(half_m * np.cos(at), half_m * np.sin(at), thick_m, 0, height_m) for at in turn]
    return [*legs, Thing(0, 0, 1.6 * half_m, height_m, height_m + rng.uniform(0.03, 0.5))]


def _person(rng: np.random.Generator) -> list[Thing]:
    """Who stands by: two legs, and a body above them."""
    at = rng.uniform(0, 2 * np.pi)
    aside = 0.11 * np.array((np.cos(at), np.sin(at)))
    legs = [Thing(*(side * aside), rng.uniform(0.1, 0.18), 0, 0.85) for side in (-1, 1)]
    return [*legs, Thing(0, 0, rng.uniform(0.35, 0.5), 0.8, 1.5, 0.2), Thing(0, 0, 0.2, 1.5, 1.75)]


def _post(rng: np.random.Generator) -> list[Thing]:
    return [Thing(0, 0, rng.uniform(0.02, 0.15), 0, rng.uniform(0.3, 2.5))]


KINDS: dict[Callable[[np.random.Generator], list[Thing]], float] = {_cone: 2, _box: 4, _legs: 2.5, _person: 1, _post: 1}
