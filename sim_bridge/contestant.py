"""A contestant's side of a benchmark: what runs in its process. sim_bridge/rounds.py is the side that asks.

Also run by the Python of .peers: imports nothing that is not in the standard library.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any


def begin() -> dict[str, Any]:
    """The contestant's options; it runs on its cores from here on."""
    options = json.loads(sys.argv[1])
    os.sched_setaffinity(0, options.pop("cores"))
    return options


def hand_over(round_figures: dict[str, float]) -> None:
    """Give the figures of the round that ended, at first none, and wait until the next is asked
    for. The process ends when nobody will ask any more."""
    print(json.dumps(round_figures), flush=True)
    if not sys.stdin.readline():
        sys.exit()


def serve(one_round: Callable[[], dict[str, float]]) -> None:
    """Measure a round whenever it is asked for."""
    round_figures: dict[str, float] = {}
    while True:
        hand_over(round_figures)
        round_figures = one_round()
