"""What each action is worth: every car is driven on from where it stands, in imagination, once for each action.

Nothing is drawn, so all actions of a car cost less than its picture. The action is held for a moment, then a driver who
sees the track goes on: the return of that is Q of the action under that driver, and the best action is better than the
driver himself (the rollout algorithm: Bertsekas, Reinforcement Learning and Optimal Control, 2019, section 2.4).
"""

import numpy as np

from models.contract import ActionTable
from sim_bridge.motion import Motion, State
from sim_bridge.pursuit import pure_pursuit

HOLD_STEPS = 6  # 0.3 s: after one step of 50 ms, latency and servo have hardly let an action show
STEPS = 16  # 0.8 s, within which any wrong turn shows
GAMMA = 0.95
LOOKAHEAD_M = 0.6  # of the driver who goes on: as far as people look, rounder than the least distance to the centre
WIDTH = 0.5  # of the Gaussian reward, as a share of half the road: people don't hold the centre to a centimetre
LEFT = 1.6  # half widths from the centre: nothing more is earned


def rolled_out_values(motion: Motion, actions: ActionTable) -> np.ndarray:
    """The return of each action for each car, float32 (n, actions), in rewards of at most 1 a step."""
    commands = np.array([actions.decode(action) for action in range(len(actions))])
    imagined = motion.imagine(len(actions))
    held, throttle = np.tile(commands, (motion.count, 1)).T
    value, alive = np.zeros(imagined.count), np.ones(imagined.count, bool)
    for step in range(STEPS):
        steering = held if step < HOLD_STEPS else pure_pursuit(imagined, LOOKAHEAD_M)
        state = imagined.step(steering, throttle)
        alive &= np.abs(state.offset_m) < LEFT * state.half_width_m
        value += GAMMA**step * np.where(alive, _reward(state), 0)
    return value.reshape(motion.count, len(actions)).astype(np.float32)


def _reward(state: State) -> np.ndarray:
    return np.exp(-0.5 * (state.offset_m / (WIDTH * state.half_width_m)) ** 2)
