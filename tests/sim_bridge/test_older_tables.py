"""EVALUATION, TRAINING and WIDE draw what they always drew: figures of older models were measured on it.

Drawn here the plain way: a floor of polylines, sampled point by point, and noise. Byte by byte the same.
"""

import cv2
import numpy as np
import pytest

from models.contract import Contract
from sim_bridge.across import laid_across, road_across
from sim_bridge.distributions import EVALUATION, TRAINING, WIDE
from sim_bridge.scene import Scene, Table, draw_scene, luma
from sim_bridge.simulator import Simulator
from sim_bridge.track import Track, random_track

SPEC = Contract().observation
NOISE = np.random.default_rng(0).standard_normal((256, 512)).astype(np.float32)


def shade(scene: Scene, colour: tuple[float, float, float]) -> float:
    return luma(tuple(min(255.0, scene.light * value) for value in colour))


def floor(track: Track, scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The luma picture at 100 pixels a metre, and the world point of its first pixel."""
    low_m = track.points.min(axis=0) - 2.5
    columns, rows = np.ceil((track.points.max(axis=0) + 2.5 - low_m) * 100).astype(int)
    canvas = np.full((rows, columns), np.round(shade(scene, scene.ground_colour)), np.uint8)

    def line(pieces: list[np.ndarray], colour: tuple[float, float, float], width_m: float, *, closed: bool) -> None:
        corners = [np.round((piece - low_m) * 100 * 16).astype(np.int32) for piece in pieces]
        cv2.polylines(canvas, corners, closed, shade(scene, colour), max(1, round(width_m * 100)), cv2.LINE_AA, 4)

    across = [road_across(track, rng) for _ in range(scene.roads_across)]
    if scene.fill != "none":
        width_m = track.width_m + (2 * scene.mat_m if scene.fill == "mat" else 0)
        line([track.points], scene.fill_colour, width_m, closed=True)
        line([points_m for points_m, _ in across], scene.fill_colour, width_m, closed=False)
    for name in scene.lines:
        if name in ("left", "right"):
            pieces = [track.offset(track.width_m / 2 if name == "left" else -track.width_m / 2)]
        elif name == "centre":
            pieces = [track.points]
        else:
            per_dash, per_gap = (max(1, round(long_m / track.spacing_m)) for long_m in (scene.dash_m, scene.gap_m))
            starts = range(0, len(track.points) - per_dash, per_dash + per_gap)
            pieces = [track.points[start : start + per_dash + 1] for start in starts]
        colour = scene.edge_colour if name in ("left", "right") else scene.centre_colour
        line(pieces, colour, scene.line_width_m, closed=name != "dashes")
        for road in across:
            line(laid_across(road, track, scene, name), colour, scene.line_width_m, closed=False)
    low, high = 1 - scene.ground_blotches, 1 + scene.ground_blotches
    cells = np.round(128 * rng.uniform(low, high, (rows // 80 + 2, columns // 80 + 2))).astype(np.uint8)
    grain = np.clip(128 + scene.ground_grain * rng.standard_normal((256, 256)), 0, 255).astype(np.uint8)
    cv2.multiply(canvas, cv2.resize(cells, (columns, rows)), dst=canvas, scale=1 / 128)
    grain = cv2.copyMakeBorder(grain, 0, rows - 256, 0, columns - 256, cv2.BORDER_WRAP)
    return cv2.addWeighted(canvas, 1, grain, 1, -128), low_m


def looks_at(scene: Scene) -> np.ndarray:
    """Where each pixel looks, metres forward and left, float32 (height * width, 1, 2)."""
    k = max(1e-6, 1 - scene.camera_fisheye)
    focal_px = 80 * k / np.tan(k * np.radians(scene.camera_fov_deg) / 2)
    rows, columns = np.mgrid[0:120, 0:160]
    left_px, up_px = 79.5 - columns.ravel(), 59.5 - rows.ravel()
    from_axis = np.maximum(np.hypot(left_px, up_px), 1e-9)
    angle = np.minimum(np.arctan(k * from_axis / focal_px) / k, np.radians(89.9))
    left, up = left_px * (np.tan(angle) / from_axis), up_px * (np.tan(angle) / from_axis)
    roll, pitch = np.radians(scene.camera_roll_deg), np.radians(scene.camera_pitch_deg)
    left, up = left * np.cos(roll) - up * np.sin(roll), left * np.sin(roll) + up * np.cos(roll)
    forward, up = np.cos(pitch) + up * np.sin(pitch), up * np.cos(pitch) - np.sin(pitch)
    with np.errstate(divide="ignore"):
        reach = np.where(up < 0, scene.camera_height_m / -up, np.inf)
    places = np.stack([scene.camera_forward_m + np.where(reach < 1000, reach, 0) * forward, reach * left], axis=1)
    places[reach >= 1000] = 1000.0
    return places.astype(np.float32).reshape(-1, 1, 2)


@pytest.mark.parametrize("table", [EVALUATION, TRAINING, WIDE])
def test_they_draw_what_they_always_drew(table: Table) -> None:
    simulator = Simulator(10, table, 12, SPEC)
    for car in range(simulator.count):
        rng = np.random.default_rng(np.random.SeedSequence(12, spawn_key=(car, 0)))
        scene = draw_scene(table, rng)
        track = random_track(rng, scene.track_corners, scene.room_m, scene.tightest_radius_m, scene.road_width_m)
        track = track.starting_at(int(rng.integers(len(track.points))))
        picture, origin_m = floor(track, scene, rng)
        cars = simulator.bicycles
        cos, sin = (100 * part(cars.heading_rad[car]) for part in (np.cos, np.sin))
        to_x, to_y = 100 * (np.array((cars.x_m[car], cars.y_m[car])) - origin_m)
        where = cv2.transform(looks_at(scene), np.array(((cos, -sin, to_x), (sin, cos, to_y)), np.float32))
        wall = shade(scene, scene.wall_colour)
        seen = cv2.remap(picture, where.reshape(120, 160, 2), None, cv2.INTER_LINEAR, borderValue=wall)
        noise = np.clip(128.5 + scene.camera_noise * NOISE, 0, 255).astype(np.uint8)
        row, column = int(rng.random() * (256 - 120)), int(rng.random() * (512 - 160))
        expected = cv2.addWeighted(seen, 1, noise[row : row + 120, column : column + 160], 1, -128)
        assert (simulator.frame(car) == expected).all()
