"""What each action is worth: every car is driven on from where it stands, in imagination, once for each action.

Nothing is drawn, so all actions of a car cost less than its picture. The action is held for a moment, then a driver who
sees the track goes on: the return of that is Q of the action under that driver, and the best action is better than the
driver himself (the rollout algorithm: Bertsekas, Reinforcement Learning and Optimal Control, 2019, section 2.4).
"""

import numpy as np

from models.contract import ActionTable
from sim_bridge.motion import Motion, State
from sim_bridge.pursuit import pure_pursuit

HOLD_STEPS = 4  # 0.2 s: after one step of 50 ms, latency and servo have hardly let an action show
STEPS = 16  # 0.8 s, within which any wrong turn shows
BRAKING_STEPS = 28  # 1.4 s, within which a car that is too fast for the next bend leaves the road
PACE = 0.8  # share of the reward that is paid for speed, where there is a choice of it
GAMMA = 0.95
LOOKAHEAD_M = 0.6  # of the driver who goes on: as far as people look, rounder than the least distance to the centre
WIDTH, LEAST_M = 0.8, 0.15  # of the Gaussian reward: a share of half the road, but people don't hold a few centimetres
EFFORT = 4.0  # rewards that turning the wheels from one lock to straight costs: who drives smoothly plans ahead
SCALE = 0.25  # of returns, as they are learnt: advantages then spread about 1, where Huber's loss bends
LEFT = 1.6  # half widths from the centre: nothing more is earned


def rolled_out_values(motion: Motion, actions: ActionTable) -> np.ndarray:
    """The return of each action for each car, float32 (n, actions): rewards of at most 1 a step, less the effort of
    steering away from what the driver holds, and of going on as he would.

    The wheels are imagined to stand as the driver, in the car's place, would hold them. Where they do stand is seen in
    moving pictures: a network whose goals hang on that learns to go on as it does, and drives off the road so.

    Where the actions have several throttle levels, the driver goes on at the lowest: whoever can still slow down was
    not too fast. So the best action is the fastest of which that can be said.
    """
    commands = np.array([actions.decode(action) for action in range(len(actions))])
    paces = len(actions.throttle) > 1
    imagined = motion.imagine(len(actions))
    held, throttle = np.tile(commands, (motion.count, 1)).T
    imagined.bicycles.hold(pure_pursuit(imagined, LOOKAHEAD_M))
    full_m = imagined.bicycles.top_speed_m_s * actions.throttle[-1] * imagined.bicycles.period_s
    value = -EFFORT * (held - imagined.bicycles.steering) ** 2
    alive = np.ones(imagined.count, bool)
    for step in range(BRAKING_STEPS if paces else STEPS):
        steering = held if step < HOLD_STEPS else pure_pursuit(imagined, LOOKAHEAD_M)
        if step == HOLD_STEPS:
            value -= EFFORT * (steering - held) ** 2
            throttle = np.full_like(throttle, actions.throttle[0])
        state = imagined.step(steering, throttle)
        alive &= np.abs(state.offset_m) < LEFT * state.half_width_m
        reward = _reward(state)
        if paces:
            reward *= 1 - PACE + PACE * np.clip(state.progress_m / full_m, 0, 1)
        value += GAMMA**step * np.where(alive, reward, 0)
    return value.reshape(motion.count, len(actions)).astype(np.float32)


def _reward(state: State) -> np.ndarray:
    width_m = np.maximum(WIDTH * state.half_width_m, LEAST_M)
    return np.exp(-0.5 * (state.offset_m / width_m) ** 2)
