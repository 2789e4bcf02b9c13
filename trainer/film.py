"""A short film of a policy at the wheel: what the camera saw, the steering drawn in, the track from above."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from models.contract import Contract
from models.observation import FrameStack, grey_view
from models.pictures import draw_steering
from sim_bridge.distributions import EVALUATION
from sim_bridge.from_above import track_from_above
from sim_bridge.simulator import Simulator
from trainer.evaluation import EVALUATION_WORLDS, Chooser

FRAMES = 60
EVERY = 2  # control periods from frame to frame: 6 s of driving
COLOURS = 32  # of the GIF: grain that nobody looks at is what makes it large


def film(choose: Chooser, contract: Contract, seed: int) -> list[np.ndarray]:
    """Drive the first track of evaluation set `seed` for FRAMES frames or until the car leaves the road.

    Returns RGB pictures, uint8 (frame_height, frame_width + frame_height, 3), EVERY control periods apart.
    """
    spec = contract.observation
    simulator = Simulator(1, EVALUATION, (EVALUATION_WORLDS, seed), spec, rgb=True)
    stack = FrameStack(spec)
    frames = []
    for step in range(FRAMES * EVERY):
        frame = simulator.frame(0)
        (action,) = choose(stack.push(grey_view(frame, spec))[None], np.array([0]), simulator)
        steering, throttle = contract.actions.decode(action)
        if step % EVERY == 0:
            above = track_from_above(simulator.worlds[0].track, simulator.centre_m()[0], spec.frame_height)
            frames.append(np.hstack([draw_steering(frame, steering), above]))
        if simulator.step(np.array([steering]), np.array([throttle])).off_road[0]:
            break
    return frames


def as_gif(frames: Sequence[np.ndarray], period_s: float) -> bytes:
    """An animated GIF of RGB pictures, uint8 (h, w, 3), period_s apart, for ever."""
    # One palette for all, drawn from every picture, so that colours do not flicker.
    palette = Image.fromarray(np.vstack(frames)).quantize(COLOURS)
    pictures = [Image.fromarray(one).quantize(palette=palette, dither=Image.Dither.NONE) for one in frames]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=round(1000 * period_s), loop=0)
    return buffer.getvalue()
