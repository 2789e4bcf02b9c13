"""Double DQN with a dueling network and n-step returns, read from top to bottom.

van Hasselt et al., Deep Reinforcement Learning with Double Q-learning (2016); Wang et al. (2016) for the dueling head;
Sutton & Barto, section 7.1, for n-step returns. What keeps it fast on two cores: one compiled update, never
`model.predict` in a loop, uint8 single frames in the replay.
"""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import keras
import numpy as np
import tensorflow as tf

from models.contract import Contract
from sim_bridge import make_vector_env
from sim_bridge.calibrated import centred
from sim_bridge.distributions import TABLES
from trainer.hyperparameters import Hyperparameters
from trainer.learner import Learner, as_input
from trainer.network import PatchConv2D, q_network
from trainer.progress import Progress, merit, validate
from trainer.replay import Batch, Replay


class DoubleDQN(Learner):
    """The online network, the target network that follows it, and the compiled update."""

    def __init__(self, contract: Contract, settings: Hyperparameters) -> None:
        super().__init__(contract, settings)
        self.target = q_network(contract, settings.network, PatchConv2D)
        self.target.set_weights(self.online.get_weights())
        self._optimizer.build(self.online.trainable_variables)

    @property
    def _parts(self) -> Mapping[str, keras.Model | keras.optimizers.Optimizer]:
        return {**super()._parts, "target": self.target}

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

    @tf.function(jit_compile=True)
    def _update(self, observation, action, reward, discount, next_observation, learning_rate):
        observation, next_observation = as_input(observation), as_input(next_observation)

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


def _q(outputs: list[tf.Tensor]) -> tf.Tensor:
    value, advantage = outputs
    return value + advantage


def train(
    contract: Contract,
    settings: Hyperparameters,
    budget_s: float | None,
    budget_frames: int | None,
    report: Callable[[Progress], None],
    evaluated: Callable[[Learner, Progress], None],
    stop: Callable[[], bool],
    resume: Callable[[Learner], Progress] = lambda learner: Progress(),
    measured: Mapping[str, tuple[float, float]] = MappingProxyType({}),
) -> tuple[DoubleDQN, Replay]:
    """Train until the budget (seconds or frames, whichever is given and ends first) is used or stop() says so.

    evaluated is called after each evaluation; where it is the best, progress.best is progress.evaluation. The end is
    evaluated too, so it is called at least once, unless stop() came before anything was learnt. resume brings a new
    learner to where a training ended, and says where that was: the memory fills anew, in worlds not seen before.
    measured: of the car that it is for, as calibration.known has it.
    """
    learner = DoubleDQN(contract, settings)
    progress = resume(learner)
    env = make_vector_env(
        settings.envs,
        contract=contract,
        table=centred(TABLES[settings.table], measured),
        reward=settings.reward,
        max_steps=settings.episode_steps,
    )
    replay = Replay(settings.replay, settings.envs, contract.observation.shape, settings.seed)
    rng = np.random.default_rng(settings.seed + progress.frames)
    observation, _ = env.reset(seed=settings.seed + progress.frames)
    returns, steps = np.zeros((2, settings.envs))
    progress.actions = np.zeros(len(contract.actions), int)
    before_s, before_frames = progress.elapsed_s, progress.frames
    epsilon_start = settings.epsilon_start if progress.resumed_s is None else settings.epsilon_end
    started = reported = looked = time.monotonic()

    ended = learnt = False
    while not ended:
        # Act: greedy but for a share epsilon of random actions.
        progress.epsilon = settings.epsilon_end + (epsilon_start - settings.epsilon_end) * max(
            0.0, 1 - progress.share / settings.epsilon_share
        )
        action = learner.advantages(observation).argmax(axis=1)
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
        if learnt and (ended or now - looked > settings.evaluate_every_s):
            progress.evaluation = validate(learner, settings.evaluate_cars, measured, paths=ended)
            if progress.best is None or merit(progress.evaluation) > merit(progress.best):
                progress.best = progress.evaluation
            evaluated(learner, progress)
            looked = time.monotonic()
        if progress.evaluation or now - reported > 1:
            report(progress)
            reported = now
            progress.actions[:] = 0
        progress.evaluation = None
    return learner, replay
