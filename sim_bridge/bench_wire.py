"""A contestant of `bench sim`: one car by DonkeySim's wire, our client and our server in lock-step, a process each."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2

from models.contract import Contract
from settings import PROJECT
from sim_bridge.contestant import begin, serve
from sim_bridge.donkeysim.driver import Driver

SCENE = "waveshare"
THROTTLE = 0.2


def prepare(options: dict[str, Any]) -> Callable[[], dict[str, float]]:
    """options: steps (frames in a round), server_cores. A frame is drawn in colour, made a JPEG, sent, unpacked, and
    made the observation of a policy; the steering is a simple driver's, from where the frame says the car is."""
    cv2.setNumThreads(1)
    server = subprocess.Popen(  # noqa: S603, our own program
        [sys.executable, str(PROJECT / "manage.py"), "sim", "serve", "--port", "0", "--lockstep"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    os.sched_setaffinity(server.pid, options["server_cores"])
    port = int(server.stdout.readline().split("127.0.0.1:")[1].split(",")[0])
    driver = Driver(lambda: ("127.0.0.1", port), SCENE, Contract())
    driver.reset()

    def one_round() -> dict[str, float]:
        offset_m = before_m = 0.0
        started = time.perf_counter()
        for _ in range(options["steps"]):
            # A left offset is steered against to the right, less where it shrinks already.
            driver.begin(4 * offset_m + 30 * (offset_m - before_m), THROTTLE)
            outcome = driver.end()
            before_m, offset_m = offset_m, float(outcome.info["offset_m"])  # type: ignore[arg-type]
            if outcome.terminated:
                driver.reset()
                offset_m = before_m = 0.0
        return {"us_per_frame": (time.perf_counter() - started) / options["steps"] * 1e6}

    return one_round


if __name__ == "__main__":
    serve(prepare(begin()))
