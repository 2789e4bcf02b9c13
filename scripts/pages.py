"""Pages of docs/ with a part that a script has measured."""

import os
from datetime import UTC, datetime
from pathlib import Path

from sim_bridge.rounds import machine
from storage.files import write_file


def put_into(page: Path, begin: str, end: str, text: str) -> None:
    """Write the text between the two marks that the page holds; all else stays. Raises ValueError: it lacks a mark."""
    old = page.read_text()
    write_file(page, f"{old[: old.index(begin) + len(begin)]}\n{text}\n{old[old.index(end) :]}".encode())


def here_and_now() -> str:
    """The day and the machine, as each figure needs them."""
    return f"{datetime.now(UTC):%d %B %Y}: {machine(os.sched_getaffinity(0))}"
