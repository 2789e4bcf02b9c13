"""What each action is worth: every car is driven on from where it stands, in imagination, once for each action.

Nothing is drawn, so all actions of a car cost less than its picture. The action is held for a moment, then a driver who
sees the track goes on: the return of that is Q of the action under that driver, and the best action is better than the
driver himself (the rollout algorithm: Bertsekas, Reinforcement Learning and Optimal Control, 2019, section 2.4).

The imagined wheels stand at the action from the start, wherever the car's own stand, and whatever is on its way to
them. So the values tell where the road goes, and nothing is to be had from reading off moving pictures how the car is
being steered: who learns that goes on as he is, and leaves the road (P. de Haan et al., Causal Confusion in Imitation
Learning, 2019). Latency costs little where a driver looks ahead.
"""

import numpy as np

from models.contract import ActionTable
from sim_bridge.motion import Motion, State
from sim_bridge.pursuit import pure_pursuit

HOLD_STEPS = 4  # 0.2 s, for which the action is held
STEPS = 16  # 0.8 s, within which any wrong turn shows
BRAKING_STEPS = 28  # 1.4 s, within which a car that is too fast for the next bend leaves the road
PACE = 0.8  # share of the reward that is paid for speed, where there is a choice of it
GAMMA = 0.95
LOOKAHEAD_M = 0.6  # of the driver who goes on: as far as people look, rounder than the least distance to the centre
WIDTH, LEAST_M = 0.6, 0.15  # of the Gaussian reward: a share of half the road, but people don't hold a few centimetres
EFFORT = 4.0  # rewards that turning the wheels by half their range costs: who drives smoothly plans ahead
SCALE = 0.25  # of returns, as they are learnt: advantages then spread about 1, where Huber's loss bends
LEFT = 1.6  # half widths from the centre: nothing more is earned


def rolled_out_values(motion: Motion, actions: ActionTable) -> np.ndarray:
    """The return of each action for each car, float32 (n, actions): rewards of at most 1 a step, less the effort of
    steering from the action to what the driver would do next.

    Where the actions have several throttle levels, the driver goes on at the lowest: whoever can still slow down was
    not too fast. So the best action is the fastest of which that can be said.
    """
    commands = np.array([actions.decode(action) for action in range(len(actions))])
    paces = len(actions.throttle) > 1
    imagined = motion.imagine(len(actions))
    held, throttle = np.tile(commands, (motion.count, 1)).T
    full_m = imagined.bicycles.top_speed_m_s * actions.throttle[-1] * imagined.bicycles.period_s
    imagined.bicycles.hold(held)
    value, alive = np.zeros(imagined.count), np.ones(imagined.count, bool)
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
