"""From a trained Q network to TFLite files: advantages only, centred, int8 throughout."""

import keras
import numpy as np
import tensorflow as tf

from models.contract import Contract


def advantage_network(q_network: keras.Model, contract: Contract) -> keras.Model:
    """The part of the Q network that chooses: observation (1, size, size, stack) in [0, 1] -> advantages (1, actions).

    V(s) is left out, since it would eat the range of int8. The advantages have mean 0 by their basis, and the basis is
    folded into the layer before it: one product, exact but for rounding. The batch is 1 and static: with a dynamic one
    the converter leaves shape arithmetic in the graph, and tflite-runtime then drops its fast kernels.
    """
    coefficients = q_network.get_layer("coefficients")
    trunk = keras.Model(q_network.inputs, coefficients.input)
    advantage = keras.layers.Dense(len(contract.actions), name="advantage")
    observation = keras.Input(batch_size=1, shape=contract.observation.shape, name="observation")
    network = keras.Model(observation, advantage(trunk(observation)), name="policy")
    (basis,) = q_network.get_layer("advantage").get_weights()
    advantage.set_weights([weights @ basis for weights in coefficients.get_weights()])
    return network


def shift_bias(network: keras.Model, error: np.ndarray) -> None:
    """Take the mean error that quantising makes in each advantage, float32 (actions,), out of the last layer's bias,
    which an int8 model keeps in 32 bits. M. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
    Correction (2019), section 4.2, applied to the outputs alone.
    """
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([kernel, bias - error])


def convert(network: keras.Model, frames: np.ndarray | None = None) -> bytes:
    """A TFLite file: float32 without frames, int8 throughout when calibrated on frames.

    frames: observations, uint8 (n, size, size, stack), two or more.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    # Per-tensor dense layers: per-channel ones get an op version that tflite-runtime 2.14 refuses.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
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
