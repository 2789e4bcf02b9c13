"""Processes that push and promote at the same moment."""

from multiprocessing.synchronize import Barrier
from pathlib import Path

from models.signing import load_key, load_trusted
from models.store import StoreError, promote, push, read_state
from storage.place import open_place


def race(car: Path, where: str, model: Path, barrier: Barrier) -> tuple[str, bool]:
    """Read the channel, push a model, and once all have: promote it. Its sha256, and whether it won."""
    place, key, trusted = open_place(where), load_key(car), load_trusted(car)
    state = read_state(place, "stable", trusted)
    digest = push(place, model, key)
    barrier.wait(300)
    try:
        promote(place, state, digest, key, trusted)
    except StoreError as error:
        if "somebody else moved the channel stable" not in str(error):
            raise
        return digest, False
    return digest, True


def push_for_ever(car: Path, where: str, model: Path) -> None:
    """Until it is killed."""
    place, key = open_place(where), load_key(car)
    while True:
        push(place, model, key)
