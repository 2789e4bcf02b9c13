"""What the cars of a training drive in, the embedded simulator or one elsewhere, and how a policy is measured there."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from models.contract import Contract
from sim_bridge import DonkeySimVectorEnv, DonkeyVectorEnv, make_vector_env
from sim_bridge.address import EMBEDDED
from sim_bridge.calibrated import centred
from sim_bridge.distributions import TABLES
from sim_bridge.donkeysim.client import SimulatorLost
from trainer.env_recorder import EnvRecorder, NoRecorder
from trainer.evaluation import Summary, TrackResult, summarise
from trainer.hyperparameters import Hyperparameters
from trainer.learner import Learner
from trainer.progress import Episodes, validate
from trainer.replay import Replay


def open_worlds(
    contract: Contract,
    settings: Hyperparameters,
    stop: Callable[[], bool],
    measured: Mapping[str, tuple[float, float]],
) -> DonkeyVectorEnv | DonkeySimVectorEnv:
    """The settings' cars. stop: ends the wait for a simulator that has gone. measured: of the car that it is for, as
    calibration.known has it. Raises UserError for an address that is none."""
    common = {"contract": contract, "reward": settings.reward, "max_steps": settings.episode_steps}
    if settings.sim == EMBEDDED:
        return make_vector_env(settings.envs, table=centred(TABLES[settings.table], measured), **common)
    return make_vector_env(
        settings.envs,
        settings.sim,
        new_roads=True,
        tell=lambda line: print(line, file=sys.stderr, flush=True),
        stop=stop,
        **common,
    )


def step(
    env: DonkeyVectorEnv | DonkeySimVectorEnv, action: np.ndarray, learn: Callable[[], None], most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]] | None:
    """A step of all cars, as Gymnasium's. Where frames take their time: `learn` meanwhile, `most` times; in real time
    until they are there, so once at least where `most` is not 0. None, and a line on stderr, where the simulator has
    gone for good."""
    try:
        env.send(action)
        for update in range(most if env.waits else 0):
            if update and not env.in_lockstep and env.arrived():
                break
            learn()
        return env.receive()
    except SimulatorLost as error:
        print(f"{error}; the training ends here", file=sys.stderr, flush=True)
        return None


def rest(
    env: DonkeyVectorEnv | DonkeySimVectorEnv, replay: Replay, episodes: Episodes, recorder: EnvRecorder | NoRecorder
) -> None:
    """Nobody drives for a while: where time goes by meanwhile, all episodes end here."""
    if env.waits:
        env.rest()
        replay.cut()
        episodes.cut()
        recorder.cut()


def evaluate(
    learner: Learner,
    env: DonkeyVectorEnv | DonkeySimVectorEnv,
    measured: Mapping[str, tuple[float, float]],
    *,
    ended: bool,
) -> Summary:
    """Greedy, on the validation's tracks; but where the worlds are another simulator's, in those: what a policy does in
    ours says little of them. ended: with paths, where there are any."""
    if env.waits and not env.worlds_are_ours:
        try:
            return _by_wire(learner, env)
        except SimulatorLost as error:
            print(f"{error}; measured in the embedded simulator instead", file=sys.stderr, flush=True)
    return validate(learner, learner.settings.evaluate_cars, measured, paths=ended)


def _by_wire(learner: Learner, env: DonkeySimVectorEnv) -> Summary:
    """An episode of each car. It is finished where the car was still on the road when it was cut."""
    observation, _ = env.reset()
    going, off_road = np.ones((2, env.num_envs), bool)
    offsets_m: list[np.ndarray] = []
    driven_m = np.zeros(env.num_envs)
    off_road[:] = False
    while going.any():
        observation, _, terminated, truncated, infos = env.step(learner.advantages(observation).argmax(axis=1))
        offsets_m.append(np.where(going & ~infos["lost"], np.abs(infos["offset_m"]), np.nan))
        driven_m[going] = infos["driven_m"][going]
        off_road |= going & (terminated | infos["lost"])
        going &= ~(terminated | truncated)
    env.rest()
    offsets = np.array(offsets_m)
    return summarise(
        [
            TrackResult(
                finished=not off,
                off_road=bool(off),
                driven_m=float(driven),
                mean_offset_m=float(np.nanmean(one)) if np.isfinite(one).any() else 0.0,
                worst_offset_m=float(np.nanmax(one)) if np.isfinite(one).any() else 0.0,
                lap_s=None,
            )
            for off, driven, one in zip(off_road, driven_m, offsets.T, strict=True)
        ]
    )
