"""From TFLite files to a model folder, checked in the runtime that the car has.

Runs in a process of its own, without TensorFlow: tflite-runtime 2.14 cannot load a model where TensorFlow 2.21 has been
imported (its symbols clash: "vector::reserve"), and a check in the car's own surroundings is worth more anyway.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from errors import UserError
from models.agreement import Agreement, agreement
from models.contract import Contract
from models.decision import decide
from models.folder import FLOAT, MODEL, load_model, write_model
from models.runtime import TFLitePolicy

Result = TypeVar("Result")

INT8_OPERATIONS = {"CONV_2D", "RESHAPE"}  # all that the network is; anything else would be slow
GOLDEN_FRAMES = 32


class PackageError(UserError):
    """The converter made something that a car must not drive."""


def without_tensorflow(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function, of a file that does not import it, in a process where TensorFlow was never imported."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def mean_error(int8: bytes, float32: bytes, frames: np.ndarray, least: float) -> np.ndarray:
    """What quantising adds to each output of one network, float32 (actions,): the mean over the frames on which it is
    above `least`, where ReLU does not clip it."""
    policy, reference = TFLitePolicy(int8), TFLitePolicy(float32)
    expected = np.stack([reference.advantages(frame) for frame in frames])
    error = np.stack([policy.advantages(frame) for frame in frames]) - expected
    seen = expected > least
    return (error * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)


def package(folder: Path, int8: bytes, float32: bytes, frames: np.ndarray, manifest: dict[str, Any]) -> Agreement:
    """Check the two files, write the model folder, and check it once more as a car would.

    frames: uint8 (n, size, size, stack), n >= GOLDEN_FRAMES, others than those that calibrated int8. manifest: all
    fields but `files`; what int8 and float agree in is added to its `evaluation`. Raises PackageError, StorageError.
    """
    contract: Contract = manifest["contract"]
    policy, reference = TFLitePolicy(int8), TFLitePolicy(float32)
    check_int8(policy, contract)
    said = np.stack([policy.advantages(frame) for frame in frames])
    alike = agreement(
        decide(said, contract.actions, np.zeros(len(frames))).action,
        np.stack([reference.advantages(frame) for frame in frames]),
        contract.actions,
    )
    evaluation = manifest["evaluation"] | {"int8_against_float_on_replay": asdict(alike)}
    write_model(folder, {MODEL: int8, FLOAT: float32}, frames[:GOLDEN_FRAMES], manifest | {"evaluation": evaluation})
    load_model(folder)
    return alike


def check_int8(policy: TFLitePolicy, contract: Contract) -> None:
    """Raises PackageError where the file is not int8 throughout, with the input that the camera's bytes fit."""
    scale, zero_point = policy.input_quantization
    if not policy.quantised or abs(scale - 1 / 255) > 1e-6 or zero_point != -128:
        raise PackageError(f"the input has scale {scale:.6f} and zero point {zero_point}, instead of 1/255 and -128")
    if (policy.shape, policy.actions) != (contract.observation.shape, len(contract.actions)):
        raise PackageError(f"the model takes {policy.shape} and gives {policy.actions} actions; its contract differs")
    foreign = policy.operations - INT8_OPERATIONS
    if foreign:
        raise PackageError(f"the model has operations that a car should not run: {', '.join(sorted(foreign))}")
