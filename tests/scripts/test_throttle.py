"""The command that says whether choosing the throttle pays, on a few tracks with the shipped policy that does."""

import re
import subprocess
import sys

from car.wheel import PRETRAINED
from settings import PROJECT


def test_the_shipped_one_is_fast_where_it_may_be() -> None:
    """Clearly faster than a careful constant throttle, and on the road where fast ones are not. By how much beside the
    best one takes more tracks: docs/training.md."""
    words = [PRETRAINED.with_name("pretrained_race"), "--tracks", "6", "--laps", "1"]
    told = subprocess.run(
        [sys.executable, "-m", "scripts.throttle", *words],
        cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True, timeout=600,
    ).stdout  # fmt: skip
    rows = {
        name: (int(off_road), float(lap_s))
        for name, off_road, lap_s in re.findall(r"([\d.]{4}|the policy's) +│ +(\d+) +│ +([\d.]+|nan) s", told)
    }
    assert len(rows) == 22
    off_road, lap_s = rows["the policy's"]
    assert off_road <= 1
    assert lap_s < 0.85 * rows["0.24"][1]
    assert rows["0.60"][0] >= 5
    assert re.search(r"a lap takes -?\d+% less time", told)
