"""`manage.py sim look`: a contact sheet of what the policy sees in simulation, and beside it a recording's frames."""

import contextlib
from pathlib import Path

import cv2
import numpy as np

from models.contract import ObservationSpec
from models.footage import fit
from models.observation import grey_view
from models.pictures import sheet, write_png, write_text
from sim_bridge.distributions import table_named
from sim_bridge.simulator import Simulator
from storage.tub import Tub, TubError

COLUMNS, ROWS = 6, 4
GAP, HEADING = 8, 28  # pixels


def look(spec: ObservationSpec, table: str, seed: int, tub: Path | None, out: Path) -> None:
    """Write a PNG to `out`: 24 scenes of a table, each as the camera's frame above the policy's view of it; beside them
    up to 24 frames of a tub, spread evenly over it.

    Raises UserError where there is no such table, TubError, StorageError.
    """
    scenes = table_named(table)
    footage = _recorded(Tub(tub), spec) if tub else []
    simulator = Simulator(COLUMNS * ROWS, scenes, seed, spec, rgb=True)
    halves = [_half(f"simulated: {table}, seed {seed}", [simulator.frame(car) for car in range(simulator.count)], spec)]
    if tub:
        halves.append(_half(f"recorded: {tub.resolve().name}", footage, spec))
    write_png(out, np.hstack(halves))


def _recorded(tub: Tub, spec: ObservationSpec) -> list[np.ndarray]:
    if not tub.records:
        raise TubError(f"{tub.path} has no records; name a tub with a drive in it")
    places = np.unique(np.linspace(0, len(tub.records) - 1, COLUMNS * ROWS).round().astype(int))
    frames = []
    for place in places:
        with contextlib.suppress(TubError):  # a frame that cannot be read leaves its place to the next
            frames.append(fit(tub.image(tub.records[place]), spec))
    if not frames:
        raise TubError(f"{tub.path}: none of the {len(places)} images looked at can be read; name another tub")
    return frames


def _half(heading: str, frames: list[np.ndarray], spec: ObservationSpec) -> np.ndarray:
    tiles = sheet([_tile(frame, spec) for frame in frames], COLUMNS, ROWS, GAP)
    page = np.zeros((HEADING + tiles.shape[0] + GAP, tiles.shape[1] + 2 * GAP, 3), np.uint8)
    page[HEADING:-GAP, GAP:-GAP] = tiles
    write_text(page, heading, GAP, HEADING - 9)
    return page


def _tile(frame: np.ndarray, spec: ObservationSpec) -> np.ndarray:
    """The frame, and under it the view at twice its size, in the middle."""
    view = cv2.resize(grey_view(frame, spec), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    height, width = frame.shape[:2]
    tile = np.zeros((height + view.shape[0], max(width, view.shape[1]), 3), np.uint8)
    tile[:height, (tile.shape[1] - width) // 2 :][:, :width] = frame
    tile[height:, (tile.shape[1] - view.shape[1]) // 2 :][:, : view.shape[1]] = view[..., None]
    return tile
