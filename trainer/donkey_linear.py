"""donkeycar's linear network, 120 x 160 RGB to steering and throttle, as a float .tflite, for `bench loop`.

The layers of donkeycar.parts.keras.default_n_linear, its dropout left out, which does nothing when a car drives; random
weights take as long as trained ones. A static batch of 1, which is faster than what donkeycar's own conversion makes.

Its own process: `python -m trainer.donkey_linear FILE`, so that whoever wants the file need not load TensorFlow.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from storage.files import write_file

PARAMETERS = 817_028
CONVOLUTIONS = ((24, 5, 2), (32, 5, 2), (64, 5, 2), (64, 3, 1), (64, 3, 1))  # filters, kernel, stride


def linear() -> keras.Model:
    """The network, with random weights."""
    image = keras.Input((120, 160, 3), batch_size=1, name="img_in")
    x = image
    for filters, kernel, stride in CONVOLUTIONS:
        x = keras.layers.Conv2D(filters, kernel, stride, activation="relu")(x)
    x = keras.layers.Flatten()(x)
    for units in (100, 50):
        x = keras.layers.Dense(units, activation="relu")(x)
    outputs = [keras.layers.Dense(1, name=f"n_outputs{index}")(x) for index in range(2)]
    return keras.Model(image, outputs, name="linear")


def main(file: Path) -> None:
    """Write it. Raises StorageError."""
    write_file(file, tf.lite.TFLiteConverter.from_keras_model(linear()).convert())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
