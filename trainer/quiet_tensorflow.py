"""Importing this imports TensorFlow, without what it says about the processor before anybody could ask it not to; and
what it says while it converts is nobody's business either."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def silent() -> Iterator[None]:
    """What is written to stderr meanwhile, by native code too, is lost; an exception is not. On processors for which it
    turns on oneDNN, TensorFlow tells so whatever its log level is."""
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


with silent():
    import tensorflow  # noqa: F401
