"""A short film of a policy at the wheel: what the camera saw, the steering drawn in, the track from above."""

from collections.abc import Sequence

import numpy as np

from models.contract import Contract
from models.left_behind import film_picture
from models.observation import FrameStack, grey_view
from sim_bridge.distributions import EVALUATION
from sim_bridge.from_above import track_from_above
from sim_bridge.scene import Table
from sim_bridge.simulator import Simulator
from sim_bridge.track import CentreLine
from trainer.evaluation import EVALUATION_WORLDS, Chooser

FRAMES = 60
EVERY = 2  # control periods from frame to frame: 6 s of driving


def film(
    choose: Chooser,
    contract: Contract,
    seed: int,
    centre_lines: Sequence[CentreLine] = (),
    *,
    table: Table = EVALUATION,
) -> list[np.ndarray]:
    """Drive the first track of evaluation set `seed`, in worlds of that table, for FRAMES frames or until the car
    leaves the road.

    Returns RGB pictures, uint8 (frame_height, frame_width + frame_height, 3), EVERY control periods apart.
    """
    spec = contract.observation
    simulator = Simulator(1, table, (EVALUATION_WORLDS, seed), spec, rgb=True, centre_lines=centre_lines)
    stack = FrameStack(spec)
    pictures = []
    for step in range(FRAMES * EVERY):
        frame = simulator.frame(0)
        decided = choose(stack.push(grey_view(frame, spec))[None], np.array([0]), simulator)
        steering, throttle = decided.steering[0], decided.throttle[0]
        if step % EVERY == 0:
            above = track_from_above(simulator.worlds[0].track, simulator.centre_m()[0], spec.frame_height)
            pictures.append(film_picture(frame, steering, above))
        if simulator.step(np.array([steering]), np.array([throttle])).off_road[0]:
            break
    return pictures
