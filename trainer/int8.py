"""Weights made ready for int8, so that rounding changes as few decisions as it can.

The converter keeps the activations of a layer in 255 steps of one range, and the weights of each output channel in 127
steps of the largest. Three things are done before, none of which changes what the float network says on the road:
every channel is stretched to the whole range, the weights are rounded one by one so that each makes good what the ones
before have spoilt, and the outputs are cut to where decisions fall.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf

LARGEST = 6.0  # of an activation: ReLU6
MOST_STRETCH = 4.0  # of a channel, in terms of the loudest: one that is silent on the frames is not to become noise
STEEP = 0.7  # share of int8's steps for the four fifths of all frames whose best advantage is small
MOST_PATCHES = 30_000  # of a convolution's inputs that its rounding looks at


def int8_network(network: keras.Model, frames: np.ndarray, *, companded: bool) -> keras.Model:
    """The advantage network made ready for int8, judged on frames, uint8 (n, size, size, stack).

    companded: only the order of the best outputs has to stay, and is kept better; else the outputs stay what they are.
    """
    if companded:
        made = compand(network, frames)
    else:
        made = keras.models.clone_model(network)
        made.set_weights(network.get_weights())
    equalise(made, frames)
    for layer in _convolutions(made):  # in order: each for the inputs that the rounded ones before it make
        if companded and layer.name == "advantage":
            break  # it adds two pieces up: there is nothing to round
        kernel, bias = layer.get_weights()
        patches = _patches(layer, _inputs(layer, made, frames))
        rounded = round_with_feedback(kernel.reshape(-1, kernel.shape[-1]), patches)
        layer.set_weights([rounded.reshape(kernel.shape), bias])
    return made


def compand(network: keras.Model, frames: np.ndarray) -> keras.Model:
    """The advantage network with its outputs seen through a curve.

    Where all that counts is which advantage is the largest, the curve may rise steeply where most of the best lie and
    slowly where the car is far off and one steering is much better than the others: from the smallest best one to the
    largest. int8's 255 steps go where decisions fall, as in the telephone's companding (ITU-T G.711): `fold` cuts each
    advantage into the two pieces, `advantage` adds them up.
    """
    layer = network.get_layer("advantage")
    actions, (kernel, bias) = layer.filters, layer.get_weights()
    best = (_inputs(layer, network, frames)[:, 0, 0] @ kernel[0, 0] + bias).max(axis=1)
    lowest, knee, highest = np.quantile(best, (0.005, 0.8, 0.995))
    lowest -= 0.1 * knee  # how far below the best another may be told from it
    scale = LARGEST / np.repeat([knee - lowest, highest - knee], actions)
    fold = keras.layers.Conv2D(2 * actions, 1, activation="relu6", name="fold")
    last = keras.layers.Conv2D(actions, 1, activation="relu6", name="advantage")
    trunk = keras.models.clone_model(keras.Model(network.input, layer.input))
    trunk.set_weights(network.get_weights()[: len(trunk.weights)])
    made = keras.Model(trunk.input, keras.layers.Reshape((actions,))(last(fold(trunk.output))), name="policy")
    start = np.repeat([lowest, knee], actions)
    fold.set_weights([scale * np.tile(kernel, 2), scale * (np.tile(bias, 2) - start)])
    add = np.concatenate([STEEP * np.eye(actions), (1 - STEEP) * np.eye(actions)])
    last.set_weights([add[None, None], np.zeros(actions)])
    return made


def equalise(network: keras.Model, frames: np.ndarray) -> None:
    """Stretch every channel of the trunk to ReLU6's whole range on the frames, and shrink what reads it as much.

    ReLU(s x) = s ReLU(x) for s > 0, so nothing changes but the steps int8 has for the channel: a quiet channel would
    share those of the loudest. M. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction
    (2019), section 4.1, with the ranges of the activations in place of the weights'.
    """
    for layer, reader in itertools.pairwise(_convolutions(network)[:-1]):
        largest = _inputs(reader, network, frames).max(axis=(0, 1, 2))
        quietest = largest.max() / MOST_STRETCH
        stretch = LARGEST / np.maximum(largest, quietest)
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel * stretch, bias * stretch])
        kernel, bias = reader.get_weights()
        reader.set_weights([kernel / stretch[:, None], bias])


def round_with_feedback(kernel: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """kernel, float32 (inputs, outputs), rounded to multiples of a 127th of each column's largest weight.

    What a rounding spoils is made good by the weights still to be rounded: E. Frantar et al., GPTQ (2022), algorithm 1,
    with the inputs, float32 (n, inputs), that the layer sees; those that weigh most come first. Each column's largest
    weight stays what it is, for the converter takes the scale from it.
    """
    hessian = seen.T.astype(np.float64) @ seen / len(seen)
    hessian += 0.01 * np.diag(hessian).mean() * np.eye(len(hessian))  # the paper's damping
    order = np.argsort(-np.diag(hessian))
    spread = np.linalg.cholesky(np.linalg.inv(hessian[np.ix_(order, order)])).T
    weights = kernel[order].astype(np.float64)
    step = np.maximum(np.abs(weights).max(axis=0), 1e-12) / 127
    largest, kept = np.abs(weights).argmax(axis=0), np.sign(weights) * 127
    for row in range(len(weights)):
        exact = weights[row].copy()
        steps = np.where(largest == row, kept[row], np.clip(np.round(exact / step), -127, 127))
        weights[row] = steps * step
        weights[row + 1 :] -= np.outer(spread[row, row + 1 :], (exact - weights[row]) / spread[row, row])
    rounded = np.empty_like(kernel)
    rounded[order] = weights
    return rounded


def shift_bias(network: keras.Model, error: np.ndarray) -> None:
    """Take the mean error that quantising makes in each output, float32 (actions,), out of the last layer's bias, which
    an int8 model keeps in 32 bits. Nagel et al., section 4.2, applied to the outputs alone.
    """
    layer = network.get_layer("advantage")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias - error])


def _convolutions(network: keras.Model) -> list[keras.layers.Conv2D]:
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]


def _inputs(layer: keras.layers.Layer, network: keras.Model, frames: np.ndarray) -> np.ndarray:
    """What a layer of the network reads on the frames, float32 (n, rows, columns, channels). Its batch is 1."""
    before = tf.function(keras.Model(network.input, layer.input))
    return np.concatenate([before(frame[None].astype(np.float32) / 255) for frame in frames])


def _patches(layer: keras.layers.Conv2D, inputs: np.ndarray) -> np.ndarray:
    """What each product of a convolution sees, float32 (n, size * size * channels), n <= MOST_PATCHES."""
    (size, _), (stride, _) = layer.kernel_size, layer.strides
    patches = (
        tf.image.extract_patches(
            inputs, (1, size, size, 1), (1, stride, stride, 1), (1, 1, 1, 1), layer.padding.upper()
        )
        .numpy()
        .reshape(-1, size * size * inputs.shape[-1])
    )
    return patches[:: -(-len(patches) // MOST_PATCHES)]
