"""From a trained Q network to a model folder: advantages only, centred, int8 throughout, checked in the car's runtime."""

import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from errors import UserError
from models.agreement import Agreement, agreement
from models.contract import Contract
from models.runtime import TFLitePolicy

INT8_OPERATIONS = {"CONV_2D", "FULLY_CONNECTED", "RESHAPE"}  # all that the network is; anything else would be slow


class ExportError(UserError):
    """The converter made something that a car must not drive."""


def advantage_network(q_network: keras.Model, contract: Contract) -> keras.Model:
    """The part of the Q network that chooses: observation (1, size, size, stack) in [0, 1] -> advantages (1, actions).

    V(s) is left out, since it would eat the range of int8, and the mean over the actions is subtracted within the last
    layer's weights, which is exact and free. The batch is 1 and static: with a dynamic one the converter leaves shape
    arithmetic in the graph, and tflite-runtime then drops its fast kernels.
    """
    head = q_network.get_layer("advantage")
    trunk = keras.Model(q_network.inputs, head.input)
    centred = keras.layers.Dense(len(contract.actions), name="centred_advantage")
    observation = keras.Input(batch_size=1, shape=contract.observation.shape, name="observation")
    network = keras.Model(observation, centred(trunk(observation)), name="policy")
    kernel, bias = head.get_weights()
    centred.set_weights([kernel - kernel.mean(axis=1, keepdims=True), bias - bias.mean()])
    return network


def convert(network: keras.Model, frames: np.ndarray | None = None) -> bytes:
    """A TFLite file: float32 without frames, int8 throughout when calibrated on them, uint8 (n, size, size, stack)."""
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    # Per-tensor dense layers: per-channel ones get an op version that tflite-runtime 2.14 refuses.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if frames is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        converter.representative_dataset = lambda: ([frame[None].astype(np.float32) / 255] for frame in frames)
    return converter.convert()


def export(q_network: keras.Model, contract: Contract, frames: np.ndarray) -> tuple[bytes, bytes, Agreement]:
    """The int8 file, the float file, and how they agree, on frames of the replay, uint8 (n, size, size, stack).

    Half of the frames calibrate, the others compare. Raises ExportError where the int8 file is not what a car can run.
    """
    calibrating, comparing = frames[::2].copy(), frames[1::2]
    # One pixel of each: the input's scale becomes 1/255 and its zero point -128, and quantising a byte is flipping its
    # top bit. Whole black and white frames would do that too, and widen the outputs' range for nothing.
    calibrating[0, 0, 0, 0], calibrating[1, 0, 0, 0] = 0, 255
    network = advantage_network(q_network, contract)
    int8, float32 = convert(network, calibrating), convert(network)
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "int8", Path(folder) / "float32"
        for path, content in zip(paths, (int8, float32), strict=True):
            path.write_bytes(content)
        policy, reference = map(TFLitePolicy, paths)
        check_int8(policy, contract)
        alike = agreement(
            np.stack([policy.advantages(frame) for frame in comparing]),
            np.stack([reference.advantages(frame) for frame in comparing]),
            contract.actions,
        )
    return int8, float32, alike


def check_int8(policy: TFLitePolicy, contract: Contract) -> None:
    """Raises ExportError where the file is not int8 throughout, with the input that the car's bytes fit."""
    scale, zero_point = policy.input_quantization
    if not policy.quantised or abs(scale - 1 / 255) > 1e-6 or zero_point != -128:
        raise ExportError(f"the input has scale {scale:.6f} and zero point {zero_point}, instead of 1/255 and -128")
    if (policy.shape, policy.actions) != (contract.observation.shape, len(contract.actions)):
        raise ExportError(f"the model takes {policy.shape} and gives {policy.actions} actions; its contract differs")
    foreign = policy.operations - INT8_OPERATIONS
    if foreign:
        raise ExportError(f"the model has operations that a car should not run: {', '.join(sorted(foreign))}")
