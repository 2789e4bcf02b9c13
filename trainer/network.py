"""The Q network: a small convolutional trunk and a dueling head.

Wang et al., Dueling Network Architectures for Deep Reinforcement Learning (2016).
"""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from models.contract import ActionTable, Contract


class Trunk(NamedTuple):
    """convolutions: filters, size, stride; then a dense layer of so many units. padded: those after the first see black
    beyond the picture's edge, so that it is not cut. xla: learns faster with PatchConv2D and compiled by XLA than with
    TensorFlow's own convolutions, which are made for many channels."""

    convolutions: tuple[tuple[int, int, int], ...]
    units: int
    padded: bool
    xla: bool


TRUNKS = {
    # 208 k parameters, 0.7 M multiply-adds: simulated roads
    "small": Trunk(((16, 4, 4), (32, 3, 2)), 128, padded=False, xla=True),
    # 600 k parameters, 6.7 M multiply-adds: rooms of all kinds
    "large": Trunk(((32, 4, 4), (64, 3, 2), (64, 3, 1), (96, 3, 2), (96, 3, 1)), 256, padded=True, xla=False),
    # 1.15 M parameters, 15.3 M multiply-adds: the same for who trains longer, `train --network larger`
    "larger": Trunk(((48, 4, 4), (96, 3, 2), (96, 3, 1), (160, 3, 2), (160, 3, 1)), 256, padded=True, xla=False),
}
DEGREE = 3  # of the advantage as a polynomial in the steering: one hump, leaning


def advantage_basis(actions: ActionTable) -> np.ndarray:
    """Smooth functions of the steering whose mean over the actions is 0, float32 (functions, actions), orthonormal.

    Neighbouring steering bins do nearly the same, so their advantages are tied: a network that learns them one by one
    has noise from bin to bin as large as the differences that matter, and int8 adds its own. Each throttle level has
    functions of its own.
    """
    steering, levels = np.array(actions.steering), np.eye(len(actions.throttle))
    powers = range(min(DEGREE, len(steering) - 1) + 1)
    functions = np.stack([np.outer(steering**power, level).ravel() for power in powers for level in levels], axis=1)
    basis, size, _ = np.linalg.svd(functions - functions.mean(axis=0), full_matrices=False)
    return basis[:, size > 1e-9].T.astype(np.float32)  # the constant function is gone, and one direction with it


class PatchConv2D(keras.layers.Conv2D):
    """A convolution without padding, written as one matrix product over patches.

    The same numbers and weights as Conv2D. Compiled by XLA it learns faster on a few cores than TensorFlow's own where
    there are few channels (`bench learner`).
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """float32 (B, height, width, channels) -> (B, rows, columns, filters)."""
        (size, _), (stride, _) = self.kernel_size, self.strides
        _, height, width, channels = inputs.shape
        rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
        if size == stride:  # the patches do not overlap: cutting is reshaping
            tiles = inputs[:, : rows * size, : columns * size]
            patches = tf.transpose(tf.reshape(tiles, (-1, rows, size, columns, size * channels)), (0, 1, 3, 2, 4))
        else:
            patches = tf.concat(
                [
                    inputs[:, y : y + stride * (rows - 1) + 1 : stride, x : x + stride * (columns - 1) + 1 : stride]
                    for y in range(size)
                    for x in range(size)
                ],
                axis=-1,
            )
        products = tf.reshape(patches, (-1, size * size * channels)) @ tf.reshape(kernel, (-1, self.filters))
        return tf.reshape(products, (-1, rows, columns, self.filters))


def q_network(
    contract: Contract,
    trunk: Trunk = TRUNKS["small"],
    convolution: type[keras.layers.Conv2D] = keras.layers.Conv2D,
    *,
    normalised: bool = False,
) -> keras.Model:
    """Observation, float32 (B, size, size, stack) in [0, 1] -> [value (B, 1), advantage (B, actions)].

    Q = value + advantage; the advantages' mean over the actions is 0 by the choice of their basis. ReLU6 keeps the
    activations in a range that int8 can hold. normalised: greys about 0, and batch normalisation in the trunk (S. Ioffe
    and C. Szegedy, 2015), for goals that do not move while they are learnt; the export folds both into the weights.
    """
    basis = advantage_basis(contract.actions)
    observation = keras.Input(contract.observation.shape, name="observation")
    x = keras.layers.Rescaling(2.0, -1.0, name="centred")(observation) if normalised else observation
    for number, (filters, size, stride) in enumerate(trunk.convolutions, 1):
        # The first is not padded: what it sees is not yet about 0, and black there is no grey.
        padding = "same" if trunk.padded and number > 1 else "valid"
        x = _active(
            convolution(filters, size, stride, padding=padding, use_bias=not normalised, name=f"conv{number}"), x
        )
    x = keras.layers.Flatten()(x)
    x = _active(keras.layers.Dense(trunk.units, use_bias=not normalised, name="dense"), x)
    value = keras.layers.Dense(1, name="value")(x)
    coefficients = keras.layers.Dense(len(basis), name="coefficients")(x)
    advantage = keras.layers.Dense(len(contract.actions), use_bias=False, trainable=False, name="advantage")
    network = keras.Model(observation, [value, advantage(coefficients)], name="q_network")
    advantage.set_weights([basis])
    return network


def _active(layer: keras.layers.Conv2D | keras.layers.Dense, x: tf.Tensor) -> tf.Tensor:
    """What a layer of the trunk makes of x: normalised where it has no bias, since that is the normalisation's."""
    x = layer(x)
    if not layer.use_bias:
        x = keras.layers.BatchNormalization(momentum=0.98, epsilon=1e-4, name=f"{layer.name}_normalised")(x)
    return keras.layers.Activation("relu6", name=f"{layer.name}_active")(x)


def folded(network: keras.Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a layer of a Q network's trunk, its normalisation and the centring of greys folded in.

    Once learnt, batch normalisation is a scale and a shift of each channel: (k x - mean) / deviation * gamma + beta.
    """
    layers = {layer.name: layer for layer in network.layers}
    kernel, *bias = layers[name].get_weights()
    if bias:
        return kernel, bias[0]
    normalisation = layers[f"{name}_normalised"]
    gamma, beta, mean, variance = normalisation.get_weights()
    scale = gamma / np.sqrt(variance + normalisation.epsilon)
    kernel, shift = kernel * scale, beta - mean * scale
    if name == "conv1":  # its input is 2 x - 1
        kernel, shift = 2 * kernel, shift - kernel.sum(axis=(0, 1, 2))
    return kernel, shift
