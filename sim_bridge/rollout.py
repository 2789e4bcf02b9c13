"""What each action is worth: every car is driven on from where it stands, in imagination, once for each action.

Nothing is drawn, so all actions of a car cost less than its picture. The action is held for a moment, then a driver who
sees the track goes on: the return of that is Q of the action under that driver, and the best action is better than the
driver himself (the rollout algorithm: Bertsekas, Reinforcement Learning and Optimal Control, 2019, section 2.4).

What no picture shows is not in the values: whatever makes one car turn further than another by the same command, they
are those of a car in the middle of the table. Else each car's own steering is noise in what is learnt.

The imagined wheels stand at the action from the start, whatever lag and latency keep the car's own from it: else the
best answer to wheels that stand wrong is the opposite lock, right for half a second and the reverse of what people do.
"""

from typing import NamedTuple

import numpy as np

from models.contract import ActionTable
from sim_bridge.motion import Motion, State
from sim_bridge.pursuit import pure_pursuit
from sim_bridge.scene import Table, Uniform


class Driver(NamedTuple):
    """Who goes on once the action was held, and for how long."""

    lookahead_m: float
    width: float  # of the Gaussian reward, as a share of half the road
    steps: int
    turning: float  # rewards that it costs to turn the wheels by half their range, from where they stand to the action


# People steer by where the road leads, and little by how far off its middle they are; 0.8 s show any wrong turn.
# Turning costs them something, and no more: were it dear, the best action would be where the wheels stand, and who
# learns to see that in moving pictures goes on as he went and leaves the road (docs/sim2real.md).
CRUISING = Driver(lookahead_m=0.7, width=0.8, steps=16, turning=2.0)
# Who goes as fast as the bends allow needs the road's middle; 1.4 s show who was too fast for the next bend.
RACING = Driver(lookahead_m=0.6, width=0.6, steps=28, turning=4.0)
HOLD_STEPS = 4  # 0.2 s, for which the action is held
PACE = 0.5  # share of the reward that is paid for speed, where there is a choice of it
CARE = 2.0  # then the imagined floor slips so many times as much: at the limit nothing would mend a network's errors
GAMMA = 0.95
LEAST_M = 0.15  # of the reward's width: nobody holds a few centimetres
EFFORT = 4.0  # rewards that it costs to go on otherwise than with the action, by half the range: who plans ahead
SCALE = 0.25  # of returns, as they are learnt: advantages then spread about 1, where Huber's loss bends
LEFT = 1.6  # half widths from the centre: nothing more is earned


def rolled_out_values(motion: Motion, actions: ActionTable, turns_rad_per_m: float | None = None) -> np.ndarray:
    """The return of each action for each car, float32 (n, actions): rewards of at most 1 a step, less the price of
    turning from where the wheels stand to the action, and the effort from the action to what the driver does next.

    Where the actions have several throttle levels, the driver goes on at the lowest: whoever can still slow down was
    not too fast. So the best action is the fastest of which that can be said, were the floor more slippery than it is.

    turns_rad_per_m: what steering 1 does, whichever car it is; None: what it does to each.
    """
    commands = np.array([actions.decode(action) for action in range(len(actions))])
    paces = len(actions.throttle) > 1
    driver = RACING if paces else CRUISING
    imagined = motion.imagine(len(actions))
    if turns_rad_per_m is not None:
        imagined.bicycles.turn_alike(turns_rad_per_m)
    held, throttle = np.tile(commands, (motion.count, 1)).T
    full_m = imagined.bicycles.top_speed_m_s * actions.throttle[-1] * imagined.bicycles.period_s
    value = -driver.turning * (held - imagined.bicycles.steering) ** 2
    imagined.bicycles.hold(held)
    if paces:
        imagined.bicycles.slip_more(CARE)
    alive = np.ones(imagined.count, bool)
    for step in range(driver.steps):
        steering = held if step < HOLD_STEPS else pure_pursuit(imagined, driver.lookahead_m)
        if step == HOLD_STEPS:
            value -= EFFORT * (steering - held) ** 2
            throttle = np.full_like(throttle, actions.throttle[0])
        state = imagined.step(steering, throttle)
        alive &= np.abs(state.offset_m) < LEFT * state.half_width_m
        reward = _reward(state, driver.width)
        if paces:
            reward *= 1 - PACE + PACE * np.clip(state.progress_m / full_m, 0, 1)
        value += GAMMA**step * np.where(alive, reward, 0)
    return value.reshape(motion.count, len(actions)).astype(np.float32)


def middle_car(table: Table) -> float:
    """What full lock does to a car in the middle of the table: rad of turn a metre. Raises TypeError where wheelbase
    or lock are not drawn evenly from a range."""
    middles = []
    for name in ("wheelbase_m", "full_lock_deg"):
        line = table[name]
        if not isinstance(line, Uniform):
            raise TypeError(f"{name} is drawn from {line}, which has no middle")
        middles.append((line.low + line.high) / 2)
    wheelbase_m, lock_deg = middles
    return float(np.tan(np.radians(lock_deg)) / wheelbase_m)


def _reward(state: State, width: float) -> np.ndarray:
    width_m = np.maximum(width * state.half_width_m, LEAST_M)
    return np.exp(-0.5 * (state.offset_m / width_m) ** 2)
