"""From a trained Q network to TFLite files: advantages only, centred. trainer/int8.py makes the weights ready."""

import keras
import numpy as np
import tensorflow as tf

from models.contract import Contract
from trainer.network import folded
from trainer.quiet_tensorflow import silent

keras.config.disable_interactive_logging()  # or it prints every variable of what it converts


def advantage_network(q_network: keras.Model, contract: Contract) -> keras.Model:
    """The part of the Q network that chooses: observation (1, size, size, stack) in [0, 1] -> advantages (1, actions).

    V(s) is left out, since it would eat the range of int8. The advantages have mean 0 by their basis, and the basis
    is folded into the layer before it, as normalisation is: one product, exact but for rounding. Dense layers
    become convolutions over all there is, the same sums, because TFLite then keeps an int8 scale for each output
    and not one for all. The batch is 1 and static: with a dynamic one the converter leaves shape arithmetic in the
    graph, and tflite-runtime then drops its fast kernels.
    """
    observation = keras.Input(batch_size=1, shape=contract.observation.shape, name="observation")
    features = observation
    for layer in q_network.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        # TFLite's own, however it was learnt.
        convolution = keras.layers.Conv2D(
            layer.filters, layer.kernel_size, layer.strides, layer.padding, activation="relu6", name=layer.name
        )
        features = convolution(features)
        convolution.set_weights(folded(q_network, layer.name))
    dense, coefficients = q_network.get_layer("dense"), q_network.get_layer("coefficients")
    (basis,) = q_network.get_layer("advantage").get_weights()
    hidden = keras.layers.Conv2D(dense.units, features.shape[1:3], activation="relu6", name="dense")
    advantage = keras.layers.Conv2D(len(contract.actions), 1, name="advantage")
    row = keras.layers.Reshape((len(contract.actions),))
    network = keras.Model(observation, row(advantage(hidden(features))), name="policy")
    kernel, bias = folded(q_network, "dense")
    hidden.set_weights([kernel.reshape(*features.shape[1:], dense.units), bias])
    kernel, bias = coefficients.get_weights()
    advantage.set_weights([(kernel @ basis)[None, None], bias @ basis])
    return network


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
    with silent():
        return converter.convert()
