"""Double DQN with a dueling network and n-step returns, read from top to bottom.

van Hasselt et al., Deep Reinforcement Learning with Double Q-learning (2016); Wang et al. (2016) for the dueling head;
Sutton & Barto, section 7.1, for n-step returns. What keeps it fast on few cores: one compiled update, a process
for each core (trainer/team.py), never `model.predict` in a loop, uint8 single frames in the replay.
"""

import time
from collections.abc import Callable, Mapping

import cv2
import keras
import numpy as np
import tensorflow as tf

from models.contract import Contract
from sim_bridge import make_vector_env
from sim_bridge.distributions import TABLES
from trainer.hyperparameters import Hyperparameters
from trainer.learner import Learner, as_input, use_threads
from trainer.network import PatchConv2D, q_network
from trainer.progress import Progress, merit, validate
from trainer.replay import Batch, Replay
from trainer.team import Member, Order, Team, cores, team_size


class DoubleDQN(Learner):
    """The online network, the target network that follows it, and the compiled update."""

    def __init__(self, contract: Contract, settings: Hyperparameters) -> None:
        super().__init__(contract, settings)
        self._member = Member()  # of a team of one
        self.target = q_network(contract, settings.network, PatchConv2D)
        self.target.set_weights(self.online.get_weights())
        self._optimizer.build(self.online.trainable_variables)

    @property
    def _parts(self) -> Mapping[str, keras.Model | keras.optimizers.Optimizer]:
        return {**super()._parts, "target": self.target}

    @property
    def parameters(self) -> int:
        """How many numbers a gradient has."""
        return sum(variable.shape.num_elements() for variable in self.online.trainable_variables)

    def join(self, member: Member) -> None:
        """From now on learn with a team."""
        self._member = member

    def learn(self, batch: Batch, learning_rate: float) -> tuple[float, float]:
        """One update, of all the team's members by their own batches. Returns the Huber loss and the mean of the Q
        values learnt, of this one's."""
        # A mirrored world is as good a world, and a policy that knows it needs half the experience.
        batch.mirror(self._rng.uniform(size=len(batch.action)) < 0.5, self._mirrored_action)
        gradient, loss, value = self._gradient(
            batch.observation, batch.action, batch.reward, batch.discount, batch.next_observation
        )
        self._descend(self._member.mean(gradient.numpy()), np.float32(learning_rate))
        return float(loss), float(value)

    @tf.function(jit_compile=True)
    def _gradient(self, observation, action, reward, discount, next_observation):
        """Of the batch's mean loss, by all weights, one after the other."""
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
        gradients = tape.gradient(loss, self.online.trainable_variables)
        return tf.concat([tf.reshape(gradient, (-1,)) for gradient in gradients], axis=0), loss, tf.reduce_mean(q)

    @tf.function(jit_compile=True)
    def _descend(self, gradient, learning_rate):
        """One step of the optimiser; the target network follows."""
        variables = self.online.trainable_variables
        gradient = tf.clip_by_norm(gradient, self.settings.gradient_clip)
        parts = tf.split(gradient, [variable.shape.num_elements() for variable in variables])
        gradients = [tf.reshape(part, variable.shape) for part, variable in zip(parts, variables, strict=True)]
        self._optimizer.learning_rate.assign(learning_rate)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for slow, fast in zip(self.target.variables, self.online.variables, strict=True):
            slow.assign_add(self.settings.target_tau * (fast - slow))


def _q(outputs: list[tf.Tensor]) -> tf.Tensor:
    value, advantage = outputs
    return value + advantage


class Cars:
    """The cars that one member of a team drives, and what they have seen."""

    def __init__(self, contract: Contract, settings: Hyperparameters, member: Member, frames: int) -> None:
        """frames: that all cars have driven before this training; they go on in worlds not seen before."""
        self.count = settings.envs // member.size
        self.replay = Replay(
            settings.replay // member.size, self.count, contract.observation.shape, settings.seed + member.rank
        )
        self.taken = np.zeros(len(contract.actions), int)  # how often each action was
        self.ended: list[tuple[float, int]] = []  # return and steps of the last hundred episodes
        self._settings, self._rng = settings, np.random.default_rng((settings.seed + frames, member.rank))
        self._batch = settings.batch // member.size
        self._env = make_vector_env(
            self.count,
            contract=contract,
            table=TABLES[settings.table],
            reward=settings.reward,
            first_car=member.rank * self.count,
        )
        self._observation, _ = self._env.reset(seed=settings.seed + frames)
        self._returns, self._steps = np.zeros((2, self.count))

    def act(self, learner: DoubleDQN, epsilon: float) -> None:
        """One step of all cars: greedy but for a share epsilon of random actions."""
        action = learner.advantages(self._observation).argmax(axis=1)
        random = self._rng.uniform(size=self.count) < epsilon
        action[random] = self._rng.integers(0, len(self.taken), int(random.sum()))
        next_observation, reward, terminated, truncated, _ = self._env.step(action)
        self.replay.add(self._observation[..., -1], action, reward, terminated, truncated)
        self._observation = next_observation
        self.taken += np.bincount(action, minlength=len(self.taken))
        self._returns += reward
        self._steps += 1
        for car in np.flatnonzero(terminated | truncated):
            self.ended = [*self.ended[-99:], (float(self._returns[car]), int(self._steps[car]))]
            self._returns[car], self._steps[car] = 0, -1  # the step that resets the car counts for nothing

    def teach(self, learner: DoubleDQN, learning_rate: float) -> tuple[float, float]:
        """The updates that follow a step. Returns the last one's loss and Q."""
        for _ in range(self._settings.updates_per_round):
            told = learner.learn(
                self.replay.sample(self._batch, self._settings.n_step, self._settings.gamma), learning_rate
            )
        return told


def train(
    contract: Contract,
    settings: Hyperparameters,
    budget_s: float | None,
    budget_frames: int | None,
    report: Callable[[Progress], None],
    evaluated: Callable[[Learner, Progress], None],
    stop: Callable[[], bool],
    resume: Callable[[Learner], Progress] = lambda learner: Progress(),
) -> tuple[DoubleDQN, Replay]:
    """Train until the budget (seconds or frames, whichever is given and ends first) is used or stop() says so.

    evaluated is called after each evaluation; where it is the best, progress.best is progress.evaluation. The end is
    evaluated too, so it is called at least once, unless stop() came before anything was learnt. resume brings a new
    learner to where a training ended, and says where that was: the memory fills anew, in worlds not seen before.

    A process for each core drives its share of the cars and learns from its share of each batch (trainer/team.py). The
    progress tells of this one's cars, and counts all. Raises UserError where one of the others dies.
    """
    size = team_size(settings.envs, settings.batch)
    use_threads(cores() // size)
    learner = DoubleDQN(contract, settings)
    progress = resume(learner)
    epsilon_start = settings.epsilon_start if progress.resumed_s is None else settings.epsilon_end
    before_s, before_frames = progress.elapsed_s, progress.frames
    started = reported = measured = time.monotonic()
    with Team(size, learner.parameters, _learn_along, contract, settings, learner.state(), before_frames) as team:
        learner.join(team)
        cars = Cars(contract, settings, team, before_frames)
        cars.ended, progress.actions = progress.recent, cars.taken
        ended = learnt = False
        while not ended:
            # Act, then learn: all members do.
            progress.epsilon = settings.epsilon_end + (epsilon_start - settings.epsilon_end) * max(
                0.0, 1 - progress.share / settings.epsilon_share
            )
            learning_rate = settings.learning_rate * (0.55 + 0.45 * np.cos(np.pi * min(1.0, progress.share)))
            learnt = progress.frames - before_frames >= settings.learning_starts
            team.order(Order(True, progress.epsilon, learning_rate if learnt else 0.0))
            cars.act(learner, progress.epsilon)
            progress.frames += settings.envs
            if learnt:
                progress.loss, progress.q = cars.teach(learner, learning_rate)
                progress.updates += settings.updates_per_round

            # Tell, and once in a while measure.
            now = time.monotonic()
            progress.elapsed_s = before_s + now - started
            progress.share = max(
                (now - started) / budget_s if budget_s else 0.0,
                (progress.frames - before_frames) / budget_frames if budget_frames else 0.0,
            )
            ended = progress.share >= 1 or stop()
            progress.recent = cars.ended
            if progress.recent:
                progress.episode_return, progress.episode_steps = np.mean(progress.recent, axis=0).tolist()
            if learnt and (ended or now - measured > settings.evaluate_every_s):
                progress.evaluation = validate(learner, settings.evaluate_cars, paths=ended)
                if progress.best is None or merit(progress.evaluation) > merit(progress.best):
                    progress.best = progress.evaluation
                evaluated(learner, progress)
                measured = time.monotonic()
            if progress.evaluation or now - reported > 1:
                report(progress)
                reported = now
                progress.actions[:] = 0
            progress.evaluation = None
    return learner, cars.replay


def _learn_along(
    member: Member, contract: Contract, settings: Hyperparameters, state: dict[str, np.ndarray], frames: int
) -> None:
    """What the others of a team do: the same rounds as the leader, from the same state."""
    cv2.setNumThreads(1)
    use_threads(cores() // member.size)
    learner = DoubleDQN(contract, settings)
    learner.restore(state)
    learner.join(member)
    cars = Cars(contract, settings, member, frames)
    while (order := member.hear()).going:
        cars.act(learner, order.epsilon)
        if order.learning_rate:
            cars.teach(learner, order.learning_rate)
