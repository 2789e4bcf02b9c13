"""From a trained Q network to TFLite files: advantages only, centred, int8 throughout."""

import keras
import numpy as np
import tensorflow as tf

from models.contract import Contract


def advantage_network(q_network: keras.Model, contract: Contract) -> keras.Model:
    """The part of the Q network that chooses: observation (1, size, size, stack) in [0, 1] -> advantages (1, actions).

    V(s) is left out, since it would eat the range of int8. The advantages have mean 0 by their basis, and the basis is
    folded into the layer before it: one product, exact but for rounding. Dense layers become convolutions over all
    there is, the same sums, because TFLite then keeps an int8 scale for each output and not one for all. The batch is 1
    and static: with a dynamic one the converter leaves shape arithmetic in the graph, and tflite-runtime then drops its
    fast kernels.
    """
    observation = keras.Input(batch_size=1, shape=contract.observation.shape, name="observation")
    features = observation
    for name in ("conv1", "conv2"):
        layer = q_network.get_layer(name)
        convolution = keras.layers.Conv2D.from_config(layer.get_config())  # TFLite's own, however it was learnt
        features = convolution(features)
        convolution.set_weights(layer.get_weights())
    dense, coefficients = q_network.get_layer("dense"), q_network.get_layer("coefficients")
    (basis,) = q_network.get_layer("advantage").get_weights()
    hidden = keras.layers.Conv2D(dense.units, features.shape[1:3], activation="relu6", name="dense")
    advantage = keras.layers.Conv2D(len(contract.actions), 1, name="advantage")
    row = keras.layers.Reshape((len(contract.actions),))
    network = keras.Model(observation, row(advantage(hidden(features))), name="policy")
    kernel, bias = dense.get_weights()
    hidden.set_weights([kernel.reshape(*features.shape[1:], dense.units), bias])
    kernel, bias = coefficients.get_weights()
    advantage.set_weights([(kernel @ basis)[None, None], bias @ basis])
    return network


def int8_network(network: keras.Model, frames: np.ndarray) -> keras.Model:
    """The advantage network with a last layer made ready for int8, judged on frames, uint8 (n, size, size, stack).

    All that counts is which advantage is the largest. Their mean is 0, so the largest is never below 0, and what lies
    far below can go: ReLU6 clips it, and the rare heights above, so int8's 255 steps are three times as fine for the
    rest. (Hence its outputs are advantages but for a shift and a scale, which change no decision.) The weights are
    rounded with feedback: advantages are small differences of large sums, and rounding each weight by itself would cost
    more than all other roundings together.
    """
    layer = network.get_layer("advantage")
    trunk = keras.Model(network.input, layer.input)
    features = np.stack([trunk(frame[None].astype(np.float32) / 255).numpy().ravel() for frame in frames])
    kernel, bias = layer.get_weights()
    kernel = kernel[0, 0]
    most = np.quantile((features @ kernel + bias).max(axis=1), 0.98)  # beyond it several may be equally good: rare
    below = 0.05 * most  # how far below 0 an advantage can be told from another
    scale = 6 / (most + below)
    ready = keras.layers.Conv2D(len(bias), 1, activation="relu6", name="advantage")
    row = keras.layers.Reshape((len(bias),))
    made = keras.Model(network.input, row(ready(layer.input)), name="policy")
    ready.set_weights([round_with_feedback(scale * kernel, features)[None, None], scale * (bias + below)])
    return made


def round_with_feedback(kernel: np.ndarray, features: np.ndarray) -> np.ndarray:
    """kernel, float32 (inputs, outputs), rounded to multiples of a 127th of each column's largest weight.

    What a rounding spoils is made good by the weights still to be rounded: E. Frantar et al., GPTQ (2022), algorithm 1,
    with the features, float32 (n, inputs), that the layer sees. Each column begins with its largest weight, which fixes
    its scale.
    """
    hessian = features.T.astype(np.float64) @ features / len(features)
    hessian += 0.01 * np.diag(hessian).mean() * np.eye(len(hessian))  # the paper's damping
    rounded = np.empty_like(kernel)
    for output, column in enumerate(kernel.T):
        order = np.argsort(-np.abs(column))
        step = np.abs(column[order[0]]) / 127
        weights = column[order].astype(np.float64)
        spread = np.linalg.cholesky(np.linalg.inv(hessian[np.ix_(order, order)])).T
        for index in range(len(weights)):
            exact = weights[index]
            weights[index] = np.clip(np.round(exact / step), -127, 127) * step
            weights[index + 1 :] -= (exact - weights[index]) / spread[index, index] * spread[index, index + 1 :]
        rounded[order, output] = weights
    return rounded


def shift_bias(network: keras.Model, error: np.ndarray) -> None:
    """Take the mean error that quantising makes in each output, float32 (actions,), out of the last layer's bias, which
    an int8 model keeps in 32 bits. M. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
    Correction (2019), section 4.2, applied to the outputs alone.
    """
    layer = network.get_layer("advantage")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias - error])


def convert(network: keras.Model, frames: np.ndarray | None = None) -> bytes:
    """A TFLite file: float32 without frames, int8 throughout when calibrated on frames.

    frames: observations, uint8 (n, size, size, stack), two or more.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    if frames is not None:
        # One pixel each in two of them: the input's scale becomes 1/255 and its zero point -128, and quantising a byte
        # is flipping its top bit. Whole black and white frames would do that too, and widen the outputs' range.
        frames = frames.copy()
        frames[0, 0, 0, 0], frames[1, 0, 0, 0] = 0, 255
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        converter.representative_dataset = lambda: ([frame[None].astype(np.float32) / 255] for frame in frames)
    return converter.convert()
