"""Follows a channel for a car that drives: asks, downloads and tests in a process of its own, so that the loop never
waits for any of it. It ends with who started it, whose end of the pipe then closes; killed at any instant it leaves
nothing half-done.

    python -m models.follow JSON      a line of JSON on stdout, whenever it is another than before: the digest of the
                                      model that waits to take over, if one does, and what there is to say
"""

import json
import os
import select
import sys
from contextlib import suppress
from pathlib import Path

from errors import UserError
from models.install import install
from models.installed import CarModels
from models.publish import model_place
from models.signing import load_trusted
from settings import load_settings


def follow(car: Path, channel: str, where: str | None) -> None:
    """Until stdin is closed. where: the store, as model_place takes it."""
    settings, last = load_settings(car), ("", "")
    while True:
        says = ""
        try:
            install(model_place(car, settings, where), channel, car, load_trusted(car))
        except UserError as error:
            says = str(error)
        news = CarModels(car).ready() or "", says
        if news != last:
            print(json.dumps({"ready": news[0], "says": news[1]}), flush=True)
        last = news
        if select.select([sys.stdin], [], [], settings.models.poll_s)[0]:
            return


if __name__ == "__main__":
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # the precedence of who drives is his alone
    os.nice(5)
    with suppress(OSError):  # and when memory runs out, last
        Path("/proc/self/oom_score_adj").write_text("1000")
    options = json.loads(sys.argv[1])
    with suppress(BrokenPipeError):
        follow(Path(options["car"]), options["channel"], options["where"])
