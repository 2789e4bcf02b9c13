"""Muon: the layers between are stepped along their momentum, made orthogonal first; all else learns by Adam.

K. Jordan et al., Muon: An Optimizer for Hidden Layers in Neural Networks (2024), kellerjordan.github.io/posts/muon. The
gradient of a layer is a few strong directions and many faint ones; made orthogonal, all of them are learnt.
"""

import math

import keras
import tensorflow as tf

LEAST = 16  # inputs and outputs of a kernel that is a matrix worth the name: the heads' are not
MOMENTUM = 0.95
STEP = 40.0  # rates of Adam to one of Muon: the entries of an orthogonal matrix are far below 1
ITERATIONS, QUINTIC = 5, (3.4445, -4.7750, 2.0315)  # as published


class Muon(keras.optimizers.Adam):
    """As Adam, but for kernels of at least LEAST inputs and outputs. A convolution's inputs are all of its patch."""

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        """Of one variable; `apply_gradients` calls it."""
        *patch, outputs = variable.shape if len(variable.shape) > 1 else (1, 1)
        inputs = math.prod(patch)
        if min(inputs, outputs) < LEAST:
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self._momentums[self._get_variable_index(variable)]
        momentum.assign(MOMENTUM * momentum + gradient)
        ahead = tf.reshape(gradient + MOMENTUM * momentum, (inputs, outputs))  # Nesterov's
        step = STEP * learning_rate * math.sqrt(max(1.0, outputs / inputs))
        variable.assign_sub(step * tf.reshape(orthogonal(ahead), variable.shape))


def orthogonal(matrix: tf.Tensor) -> tf.Tensor:
    """The nearest matrix with singular values near 1, from 0.7 to 1.2: the polynomial that gets there soonest does not
    end at 1. float32 (n, m) -> the same shape."""
    tall = matrix.shape[0] >= matrix.shape[1]
    x = matrix if tall else tf.transpose(matrix)
    x /= tf.norm(x) + 1e-7
    # Each iteration is x times a polynomial of x'x. They commute, so the long side need only be multiplied at the ends.
    squared, product, unit = tf.matmul(x, x, transpose_a=True), tf.eye(x.shape[1]), tf.eye(x.shape[1])
    linear, cubic, quintic = QUINTIC
    for _ in range(ITERATIONS):
        factor = linear * unit + cubic * squared + quintic * tf.matmul(squared, squared)
        product = tf.matmul(product, factor)
        squared = tf.matmul(tf.matmul(factor, squared), factor)
    x = tf.matmul(x, product)
    return x if tall else tf.transpose(x)
