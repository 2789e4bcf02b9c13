"""The TFLite runtime the car has: LiteRT or tflite-runtime, whichever is installed, the first preferred.

The only file that imports either. One thread: for so small a network a second one costs more in waiting than it saves.
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np

from errors import UserError

RUNTIMES = ("ai_edge_litert", "tflite_runtime")  # int8 is about 4 times faster in the first, on x86


class RuntimeMissing(UserError):
    """No TFLite runtime is installed."""


def interpreter_module() -> ModuleType:
    """The runtime's Python module, which has Interpreter. Raises RuntimeMissing."""
    for name in RUNTIMES:
        try:
            return importlib.import_module(f"{name}.interpreter")
        except ModuleNotFoundError:
            continue
    raise RuntimeMissing("no TFLite runtime is installed; type `make install`")


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """The runtimes' C++ side announces its delegate on file descriptor 2; what goes wrong it raises as well."""
    sys.stderr.flush()
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


class TFLitePolicy:
    """A model, loaded. Full-integer models take the camera's bytes, float ones take them divided by 255."""

    def __init__(self, file: bytes) -> None:
        """file: the content of a .tflite file.

        Raises RuntimeMissing without a runtime, ValueError for a file that is no model of one image in, one row out.
        """
        module = interpreter_module()
        self.runtime = module.__name__.partition(".")[0]
        try:
            with _silent_stderr():
                self._interpreter = module.Interpreter(model_content=file, num_threads=1)
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ValueError(str(error).strip().splitlines()[-1]) from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(f"{len(inputs)} inputs and {len(outputs)} outputs, instead of one of each")
        (self._input,), (self._output,) = inputs, outputs
        self.shape = tuple(int(size) for size in self._input["shape"][1:])
        self.actions = int(self._output["shape"][-1])
        self.input_quantization: tuple[float, int] = self._input["quantization"]
        self.quantised = self._input["dtype"] == np.int8
        if not self.quantised and self._input["dtype"] != np.float32:
            raise ValueError(f"input of {np.dtype(self._input['dtype'])}, instead of int8 or float32")

    @property
    def operations(self) -> set[str]:
        """The kinds of operation in the graph, by TFLite's names; a delegate that took some over is not one of them."""
        return {entry["op_name"] for entry in self._interpreter._get_ops_details()} - {"DELEGATE"}

    def raw(self, observation: np.ndarray) -> np.ndarray:
        """uint8 (size, size, stack) -> the output as it leaves the network, int8 or float32 (actions,)."""
        # int8, scale 1/255 and zero point -128: quantising a byte is flipping its top bit.
        tensor = (observation ^ 0x80).view(np.int8) if self.quantised else observation.astype(np.float32) / 255
        self._interpreter.set_tensor(self._input["index"], tensor[None])
        self._interpreter.invoke()
        row: np.ndarray = self._interpreter.get_tensor(self._output["index"])[0]
        return row

    def advantages(self, observation: np.ndarray) -> np.ndarray:
        """uint8 (size, size, stack) -> advantage of each action, float32 (actions,); their mean is about 0."""
        raw = self.raw(observation)
        if not self.quantised:
            return raw
        scale, zero_point = self._output["quantization"]
        advantages: np.ndarray = (raw.astype(np.float32) - zero_point) * scale
        return advantages.astype(np.float32)
