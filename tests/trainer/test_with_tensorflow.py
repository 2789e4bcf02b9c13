import importlib.util
import subprocess
import sys

import pytest

from settings import PROJECT

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("TensorFlow is not installed: type `make install-dev`", allow_module_level=True)


def test_learner_and_network() -> None:
    """In a process of their own: tflite-runtime, which other tests use, cannot load a model beside TensorFlow."""
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/trainer/with_tensorflow.py"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout
