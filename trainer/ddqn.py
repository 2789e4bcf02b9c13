"""Double DQN with a dueling network and n-step returns, read from top to bottom.

van Hasselt et al., Deep Reinforcement Learning with Double Q-learning (2016); Wang et al. (2016) for the dueling head;
Sutton & Barto, section 7.1, for n-step returns; Kumar et al. (2020) for the conservative term, which recordings need.
What keeps it fast on two cores: one compiled update, never `model.predict` in a loop, uint8 single frames in memory.
"""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from models.contract import Contract
from trainer.evaluation import Summary
from trainer.hyperparameters import Hyperparameters
from trainer.learner import Learner, as_input
from trainer.progress import Episodes
from trainer.replay import Batch, Replay
from trainer.sitting import Sitting
from trainer.worlds import evaluate, open_worlds, rest, step


class DoubleDQN(Learner):
    """The online network, the target network that follows it, and the compiled update."""

    def __init__(self, contract: Contract, settings: Hyperparameters, conservative: float = 0.0) -> None:
        """conservative: weight of the term that keeps actions down of which nothing was seen; 0 in a simulator, where
        they can be tried."""
        super().__init__(contract, settings)
        self._conservative = conservative
        self.target = self._network()
        self.target.set_weights(self.online.get_weights())
        self._optimizer.build(self.online.trainable_variables)
        self._learn = self._compiled(self._update)

    @property
    def _parts(self) -> Mapping[str, keras.Model | keras.optimizers.Optimizer]:
        return {**super()._parts, "target": self.target}

    def start_from(self, weights: list[np.ndarray]) -> None:
        super().start_from(weights)
        self.target.set_weights(weights)

    def learn(self, batch: Batch, learning_rate: float) -> tuple[float, float]:
        """One update. Returns the Huber loss and the mean of the Q values learnt."""
        # A mirrored world is as good a world, and a policy that knows it needs half the experience.
        batch.mirror(self._rng.uniform(size=len(batch.action)) < 0.5, self._mirrored_action)
        loss, value = self._learn(
            batch.observation,
            batch.action,
            batch.reward,
            batch.discount,
            batch.next_observation,
            np.float32(learning_rate),
        )
        return float(loss), float(value)

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
            if self._conservative:
                # Recordings never contradict a Q that is too large where no action of theirs led.
                loss += self._conservative * tf.reduce_mean(tf.reduce_logsumexp(values, axis=1) - q)
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


def train(sitting: Sitting) -> tuple[DoubleDQN, Replay]:
    """Train in a simulator until the sitting ends. A resumed training's memory fills anew, in worlds not seen before;
    one that begins with a network that drives explores no more than at the end.

    A simulator elsewhere makes its frames in its own time: it learns meanwhile. Where that simulator has gone and does
    not come back, the training ends there, and keeps what it has learnt. Raises SimulatorError where it never was.
    """
    contract, settings = sitting.contract, sitting.settings
    learner = DoubleDQN(contract, settings)
    progress = sitting.begin(learner)
    env = open_worlds(contract, settings, sitting.stop, sitting.measured)
    replay = Replay(settings.replay, settings.envs, contract.observation.shape, settings.seed)
    rng = np.random.default_rng(settings.seed + progress.frames)
    observation, _ = env.reset(seed=settings.seed + progress.frames)
    episodes = Episodes(settings.envs)
    epsilon_start = settings.epsilon_end if progress.drives else settings.epsilon_start
    frames, learnt, goes_on = 0, False, True
    sitting.recorder.begin(observation)

    def learn() -> None:
        learning_rate = settings.learning_rate * (0.55 + 0.45 * np.cos(np.pi * min(1.0, progress.share)))
        batch = replay.sample(settings.batch, settings.n_step, settings.gamma)
        progress.learnt(*learner.learn(batch, learning_rate))

    def measure(ended: bool) -> Summary:
        rest(env, replay, episodes, sitting.recorder)
        return evaluate(learner, env, sitting.measured, ended=ended)

    while goes_on:
        # Act: greedy but for a share epsilon of random actions. Frames that take their time are learnt in meanwhile.
        progress.epsilon = settings.epsilon_end + (epsilon_start - settings.epsilon_end) * max(
            0.0, 1 - progress.share / settings.epsilon_share
        )
        action = learner.advantages(observation).argmax(axis=1)
        random = rng.uniform(size=settings.envs) < progress.epsilon
        action[random] = rng.integers(0, len(contract.actions), int(random.sum()))
        outcome = step(env, action, learn, settings.updates_per_round if learnt else 0)
        if outcome is not None:
            next_observation, reward, terminated, truncated, infos = outcome
            replay.add(observation[..., -1], action, reward, terminated, truncated)
            sitting.recorder.add(action, reward, terminated, truncated, next_observation, infos)
            observation = next_observation
            frames += settings.envs
            episodes.count(progress, action, reward, terminated | truncated)

        # Learn.
        if frames >= settings.learning_starts:
            for _ in range(0 if env.waits else settings.updates_per_round):
                learn()
            learnt = True

        # Tell, and once in a while measure.
        goes_on = sitting.tell(frames, measure if learnt else None, over=outcome is None)
    env.close()
    return learner, replay
