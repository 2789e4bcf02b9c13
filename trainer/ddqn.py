"""Double DQN with a dueling network and n-step returns, read from top to bottom.

van Hasselt et al., Deep Reinforcement Learning with Double Q-learning (2016); Wang et al. (2016) for the dueling head;
Sutton & Barto, section 7.1, for n-step returns. What keeps it fast on two cores: one compiled update, never
`model.predict` in a loop, uint8 single frames in the replay.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from models.contract import Contract
from sim_bridge import make_vector_env
from sim_bridge.distributions import TABLES
from trainer.evaluation import Summary, drive_tracks, summarise
from trainer.hyperparameters import Hyperparameters
from trainer.network import PatchConv2D, q_network
from trainer.replay import Batch, Replay

VALIDATION_SEED = 1  # the tracks that choose the checkpoint; `evaluate` uses others


class Learner:
    """The two networks and the compiled update."""

    def __init__(self, contract: Contract, settings: Hyperparameters) -> None:
        keras.utils.set_random_seed(settings.seed)
        self.contract, self.settings = contract, settings
        self.online, self.target = q_network(contract, PatchConv2D), q_network(contract, PatchConv2D)
        self.target.set_weights(self.online.get_weights())
        self._optimizer = keras.optimizers.Adam(settings.learning_rate, epsilon=1.5e-4)
        self._optimizer.build(self.online.trainable_variables)
        self._mirrored_action = np.array([contract.actions.mirrored(a) for a in range(len(contract.actions))])
        self._rng = np.random.default_rng(settings.seed)

    def state(self) -> dict[str, np.ndarray]:
        """All that learning changes: both networks and the optimiser's moments, by name."""
        parts = {"online": self.online, "target": self.target, "optimizer": self._optimizer}
        return {
            f"{name}.{index}": variable.numpy()
            for name, part in parts.items()
            for index, variable in enumerate(part.variables)
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from such a state. Raises KeyError or ValueError where it is of another network."""
        for name, part in {"online": self.online, "target": self.target, "optimizer": self._optimizer}.items():
            for index, variable in enumerate(part.variables):
                variable.assign(state[f"{name}.{index}"])

    def learn(self, batch: Batch, learning_rate: float) -> tuple[float, float]:
        """One update. Returns the Huber loss and the mean of the Q values learnt."""
        # A mirrored world is as good a world, and a policy that knows it needs half the experience.
        batch.mirror(self._rng.uniform(size=len(batch.action)) < 0.5, self._mirrored_action)
        loss, value = self._update(
            batch.observation,
            batch.action,
            batch.reward,
            batch.discount,
            batch.next_observation,
            np.float32(learning_rate),
        )
        return float(loss), float(value)

    def greedy(self, observation: np.ndarray) -> np.ndarray:
        """uint8 (B, size, size, stack) -> the best action for each, int64 (B,)."""
        return self._greedy(observation).numpy()

    @tf.function(jit_compile=True)
    def _greedy(self, observation: tf.Tensor) -> tf.Tensor:
        _, advantage = self.online(_as_input(observation), training=False)
        return tf.argmax(advantage, axis=1)

    @tf.function(jit_compile=True)
    def _update(self, observation, action, reward, discount, next_observation, learning_rate):
        observation, next_observation = _as_input(observation), _as_input(next_observation)

        # Double: the online network chooses the next action, the target network says what it is worth. Where the
        # episode terminated the discount is 0; where it was only cut, the value of going on counts.
        best = tf.argmax(_q(self.online(next_observation, training=False)), axis=1)
        worth = tf.gather(_q(self.target(next_observation, training=False)), best, batch_dims=1)
        goal = reward + discount * worth
        with tf.GradientTape() as tape:
            values = _q(self.online(observation, training=True))
            q = tf.gather(values, action, batch_dims=1)
            # Advantage learning: what an action lacks to the best one counts more than it must. The best stays the
            # best, the others fall behind, further than noise and int8 reach. Bellemare et al., Increasing the Action
            # Gap (2016), where the target network tells what lacks; the online one has just been asked anyhow.
            lacking = tf.stop_gradient(tf.reduce_max(values, axis=1) - q)
            goal -= self.settings.gap * lacking
            loss = tf.reduce_mean(keras.losses.huber(goal[:, None], q[:, None]))
        variables = self.online.trainable_variables
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), self.settings.gradient_clip)
        self._optimizer.learning_rate.assign(learning_rate)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for slow, fast in zip(self.target.variables, self.online.variables, strict=True):
            slow.assign_add(self.settings.target_tau * (fast - slow))
        return loss, tf.reduce_mean(q)


def _as_input(observation: tf.Tensor) -> tf.Tensor:
    return tf.cast(observation, tf.float32) * (1 / 255)


def _q(outputs: list[tf.Tensor]) -> tf.Tensor:
    value, advantage = outputs
    return value + advantage


@dataclass
class Progress:
    """Where a training stands; handed to `report` about once a second and at each evaluation."""

    elapsed_s: float = 0.0  # of all sittings
    share: float = 0.0  # of this sitting that is done
    resumed_s: float | None = None  # elapsed_s when this sitting began; None in the first one
    frames: int = 0
    updates: int = 0
    epsilon: float = 1.0
    loss: float = 0.0
    q: float = 0.0
    episode_return: float = 0.0  # mean of the last hundred finished episodes
    episode_steps: float = 0.0
    actions: np.ndarray | None = None  # how often each was taken since the last report, int (actions,)
    evaluation: Summary | None = None  # of this very moment, else None
    best: Summary | None = None  # evaluation so far
    recent: list[tuple[float, int]] = field(default_factory=list, repr=False)


def train(
    contract: Contract,
    settings: Hyperparameters,
    budget_s: float | None,
    budget_frames: int | None,
    report: Callable[[Progress], None],
    evaluated: Callable[[Learner, Progress], None],
    stop: Callable[[], bool],
    resume: Callable[[Learner], Progress] = lambda learner: Progress(),
) -> tuple[Learner, Replay]:
    """Train until the budget (seconds or frames, whichever is given and ends first) is used or stop() says so.

    evaluated is called after each evaluation; where it is the best, progress.best is progress.evaluation. The end is
    evaluated too, so it is called at least once, unless stop() came before anything was learnt. resume brings a new
    learner to where a training ended, and says where that was: the memory fills anew, in worlds not seen before.
    """
    learner = Learner(contract, settings)
    progress = resume(learner)
    env = make_vector_env(settings.envs, contract=contract, table=TABLES[settings.table], reward=settings.reward)
    replay = Replay(settings.replay, settings.envs, contract.observation.shape, settings.seed)
    rng = np.random.default_rng(settings.seed + progress.frames)
    observation, _ = env.reset(seed=settings.seed + progress.frames)
    returns, steps = np.zeros((2, settings.envs))
    progress.actions = np.zeros(len(contract.actions), int)
    before_s, before_frames = progress.elapsed_s, progress.frames
    epsilon_start = settings.epsilon_start if progress.resumed_s is None else settings.epsilon_end
    started = reported = measured = time.monotonic()

    ended = learnt = False
    while not ended:
        # Act: greedy but for a share epsilon of random actions.
        progress.epsilon = settings.epsilon_end + (epsilon_start - settings.epsilon_end) * max(
            0.0, 1 - progress.share / settings.epsilon_share
        )
        action = learner.greedy(observation)
        random = rng.uniform(size=settings.envs) < progress.epsilon
        action[random] = rng.integers(0, len(contract.actions), int(random.sum()))
        next_observation, reward, terminated, truncated, _ = env.step(action)
        replay.add(observation[..., -1], action, reward, terminated, truncated)
        observation = next_observation
        progress.frames += settings.envs
        progress.actions += np.bincount(action, minlength=len(progress.actions))
        returns += reward
        steps += 1
        for car in np.flatnonzero(terminated | truncated):
            progress.recent = [*progress.recent[-99:], (float(returns[car]), int(steps[car]))]
            returns[car], steps[car] = 0, -1  # the step that resets the car counts for nothing

        # Learn.
        if progress.frames - before_frames >= settings.learning_starts:
            learning_rate = settings.learning_rate * (0.55 + 0.45 * np.cos(np.pi * min(1.0, progress.share)))
            for _ in range(settings.updates_per_round):
                progress.loss, progress.q = learner.learn(
                    replay.sample(settings.batch, settings.n_step, settings.gamma), learning_rate
                )
                progress.updates += 1
            learnt = True

        # Tell, and once in a while measure.
        now = time.monotonic()
        progress.elapsed_s = before_s + now - started
        progress.share = max(
            (now - started) / budget_s if budget_s else 0.0,
            (progress.frames - before_frames) / budget_frames if budget_frames else 0.0,
        )
        ended = progress.share >= 1 or stop()
        if progress.recent:
            progress.episode_return, progress.episode_steps = np.mean(progress.recent, axis=0).tolist()
        if learnt and (ended or now - measured > settings.evaluate_every_s):
            progress.evaluation = validate(learner, settings.evaluate_cars, paths=ended)
            if progress.best is None or _merit(progress.evaluation) > _merit(progress.best):
                progress.best = progress.evaluation
            evaluated(learner, progress)
            measured = time.monotonic()
        if progress.evaluation or now - reported > 1:
            report(progress)
            reported = now
            progress.actions[:] = 0
        progress.evaluation = None
    return learner, replay


def validate(learner: Learner, tracks: int, *, paths: bool = False) -> Summary:
    """Greedy, one lap each, on tracks that are neither trained on nor used by `evaluate`."""

    def choose(observations: np.ndarray, cars: np.ndarray, _: object) -> np.ndarray:
        padded = np.zeros((tracks, *learner.contract.observation.shape), np.uint8)  # one shape: compiled once
        padded[cars] = observations
        return learner.greedy(padded)[cars]

    return summarise(drive_tracks(choose, learner.contract, tracks, laps=1, seed=VALIDATION_SEED, paths=paths))


def _merit(evaluation: Summary) -> tuple[int, float]:
    """More tracks finished; among equals, nearer to the centre."""
    return evaluation.finished, -evaluation.mean_offset_m
