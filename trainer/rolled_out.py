"""Learning from rolled-out values: every picture teaches what each action is worth there, so nothing is explored.

Where worlds differ as much as real rooms do, Q learnt by bootstrapping stalls: it has one noisy goal per picture, for
the one action taken. The simulator knows the road, so it can drive on from each picture with each action
(sim_bridge/rollout.py), and the network regresses all those returns at once. What the simulator knows besides, such as
the next bend, is learnt along and left out of the export: M. Jaderberg et al., Reinforcement Learning with Unsupervised
Auxiliary Tasks (2016), with facts for tasks.
"""

import contextlib
import os
import time
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from errors import UserError
from models.contract import Contract
from sim_bridge.calibrated import centred
from sim_bridge.distributions import TABLES
from sim_bridge.rollout import SCALE
from trainer.hyperparameters import Hyperparameters
from trainer.learner import Learner, as_input
from trainer.muon import Muon
from trainer.practice import CELLS, FACTS, MOST_ACROSS, UNKNOWN, Lesson, Practice
from trainer.sitting import Sitting
from trainer.variation import ALL_ROOMS, vary

WARM_UP = 200  # updates until the learning rate is reached


class Regression(Learner):
    """A Q network and facts beside it, learnt from returns of all actions."""

    normalised = True
    optimizer = Muon

    def __init__(self, contract: Contract, settings: Hyperparameters) -> None:
        super().__init__(contract, settings)
        understood = self.online.get_layer("dense_active").output
        facts = keras.layers.Dense(len(FACTS), name="facts")(understood)
        road = keras.layers.Dense(CELLS * CELLS, name="road")(understood)
        self._taught = keras.Model(self.online.input, [*self.online.outputs, facts, road])
        self._optimizer.build(self._taught.trainable_variables)
        self._learn, self._tell = self._compiled(self._update), self._compiled(self._told)

    @property
    def _parts(self) -> Mapping[str, keras.Model | keras.optimizers.Optimizer]:
        return {"online": self._taught, "optimizer": self._optimizer}

    def learn(self, lesson: Lesson, learning_rate: float) -> tuple[float, float]:
        """One update. Returns the Huber loss of the advantages and the mean return of the best actions, scaled."""
        lesson.mirror(self._rng.uniform(size=len(lesson.values)) < 0.5, self._mirrored_action)
        if self.settings.vary:
            vary(self._rng, ALL_ROOMS, lesson.observation, labels=lesson.road, unknown=UNKNOWN)
        goals = SCALE * lesson.values
        loss = self._learn(lesson.observation, goals, lesson.facts, lesson.road, np.float32(learning_rate))
        return float(loss), float(goals.max(axis=1).mean())

    def facts(self, observation: np.ndarray) -> np.ndarray:
        """What it takes the facts to be, uint8 (B, size, size, stack) -> float32 (B, facts), as a Lesson has them."""
        return self._tell(observation).numpy()

    def _told(self, observation: tf.Tensor) -> tf.Tensor:
        return self._taught(as_input(observation), training=False)[2]

    def _update(self, observation, goals, facts, road, learning_rate):
        goal_value = tf.reduce_mean(goals, axis=1, keepdims=True)  # the advantages' mean is 0
        road = tf.reshape(road, (-1, CELLS * CELLS))
        known = tf.cast(road != UNKNOWN, tf.float32)
        with tf.GradientTape() as tape:
            value, advantage, told, seen = self._taught(as_input(observation), training=True)
            loss = tf.reduce_mean(keras.losses.huber(goals - goal_value, advantage))
            value_loss = tf.reduce_mean(keras.losses.huber(goal_value, value))
            facts_loss = tf.reduce_mean(tf.abs(told - facts))
            road_loss = tf.reduce_mean(known * tf.abs(seen - MOST_ACROSS / 127 * tf.cast(road, tf.float32)))
            total = loss + 0.1 * value_loss + self.settings.facts * (facts_loss + road_loss)
        variables = self._taught.trainable_variables
        gradients, _ = tf.clip_by_global_norm(tape.gradient(total, variables), self.settings.gradient_clip)
        self._optimizer.learning_rate.assign(learning_rate)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss


def train(sitting: Sitting) -> tuple[Learner, Practice]:
    """As ddqn.train; the practice that is returned has ended, its memory is still there.

    Raises UserError where the driving process dies.
    """
    with contextlib.suppress(RuntimeError):  # too late where TensorFlow has begun to compute, as in tests
        # A core is the driving process's: with a thread there too, every product waits for that thread.
        tf.config.threading.set_intra_op_parallelism_threads(max(1, len(os.sched_getaffinity(0)) - 1))
    contract, settings = sitting.contract, sitting.settings
    learner = Regression(contract, settings)
    progress = sitting.begin(learner)
    steps = settings.replay // settings.envs
    table = centred(TABLES[settings.table], sitting.measured)
    with Practice(contract, table, settings.envs, steps, settings.seed + progress.frames) as practice:
        while practice.frames < settings.learning_starts:
            _check(practice)
            if sitting.stop():
                return learner, practice
            time.sleep(0.05)
        updates_here, goes_on = 0, True
        while goes_on:
            _check(practice)
            practice.advise(learner.decide)
            lesson = practice.draw(settings.batch)
            progress.learnt(*learner.learn(lesson, learning_rate(settings, progress.share, updates_here)))
            progress.actions += np.bincount(lesson.values.argmax(axis=1), minlength=len(progress.actions))  # the best
            updates_here += 1
            # The last network is the best: nothing is bootstrapped, and the learning rate falls to nothing.
            goes_on = sitting.tell(practice.frames, sitting.validate, last_is_best=True)
    return learner, practice


def learning_rate(settings: Hyperparameters, share: float, updates: int) -> float:
    """After a share of the training and so many updates: a cosine, down to a fiftieth."""
    falling = settings.learning_rate * (0.51 + 0.49 * np.cos(np.pi * min(1.0, share)))
    return falling * min(1.0, (1 + updates) / WARM_UP)


def _check(practice: Practice) -> None:
    if not practice.alive:
        raise UserError("the process that drives the cars has died, maybe for want of memory; close other programs")
