"""Behaviour cloning: the network learns to do what the recorded driver did, whatever came of it."""

import keras
import numpy as np
import tensorflow as tf

from models.contract import Contract
from trainer.hyperparameters import Hyperparameters
from trainer.learner import Learner, as_input
from trainer.replay import Batch


class Cloning(Learner):
    """Advantages are learnt as the logits of the driver's actions, at the contract's temperature: so what `expectation`
    decodes is the mean of what the driver would do. The network's value learns nothing."""

    def __init__(self, contract: Contract, settings: Hyperparameters) -> None:
        super().__init__(contract, settings)
        self._policy = keras.Model(self.online.input, self.online.outputs[1])  # without what the value alone needs
        self._optimizer.build(self._policy.trainable_variables)
        self._learn = self._compiled(self._update)

    def learn(self, batch: Batch, learning_rate: float) -> tuple[float, float]:
        """One update. Returns the cross-entropy and the share of actions that are the driver's."""
        batch.mirror(self._rng.uniform(size=len(batch.action)) < 0.5, self._mirrored_action)
        loss, agreement = self._learn(batch.observation, batch.action, np.float32(learning_rate))
        return float(loss), float(agreement)

    def _update(self, observation, action, learning_rate):
        with tf.GradientTape() as tape:
            advantage = self._policy(as_input(observation), training=True)
            logits = advantage / self.contract.actions.temperature
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(action, logits))
        variables = self._policy.trainable_variables
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), self.settings.gradient_clip)
        self._optimizer.learning_rate.assign(learning_rate)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        agreement = tf.reduce_mean(tf.cast(tf.argmax(advantage, axis=1, output_type=tf.int32) == action, tf.float32))
        return loss, agreement
