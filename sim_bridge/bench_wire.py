"""A contestant of `bench sim`: one car by DonkeySim's wire, our client and our server in lock-step, a process each."""

import multiprocessing
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import cv2

from models.contract import Contract
from sim_bridge.contestant import begin, serve
from sim_bridge.donkeysim.driver import Driver
from sim_bridge.donkeysim.server import Server

SCENE = "waveshare"
THROTTLE = 0.2


def prepare(options: dict[str, Any]) -> Callable[[], dict[str, float]]:
    """options: steps (frames in a round). A frame is drawn in colour, made a JPEG, sent, unpacked, and
    made the observation of a policy; the steering is a simple driver's, from where the frame says the car is."""
    cv2.setNumThreads(1)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    context.Process(target=_serve, args=(theirs,), daemon=True).start()
    at = ours.recv()
    driver = Driver(lambda: at, SCENE, Contract())
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


def _serve(client: Connection) -> None:
    """The server's process, on the contestant's core; it goes when the contestant has gone, however that ended."""
    cv2.setNumThreads(1)
    server = Server(lockstep=True)
    client.send(server.listen(port=0))
    threading.Thread(target=server.serve, daemon=True).start()
    multiprocessing.parent_process().join()


if __name__ == "__main__":
    serve(prepare(begin()))
