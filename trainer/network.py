"""The Q network: a small convolutional trunk and a dueling head. 1.5 M multiply-adds, 342 k parameters.

Wang et al., Dueling Network Architectures for Deep Reinforcement Learning (2016).
"""

import keras

from models.contract import Contract


def q_network(contract: Contract) -> keras.Model:
    """Observation, float32 (B, size, size, stack) in [0, 1] -> [value (B, 1), advantage (B, actions)].

    Q = value + advantage - mean of advantage. ReLU6 keeps the activations in a range that int8 can hold.
    """
    observation = keras.Input(contract.observation.shape, name="observation")
    x = keras.layers.Conv2D(16, 4, 4, activation="relu6", name="conv1")(observation)
    x = keras.layers.Conv2D(32, 3, 2, activation="relu6", name="conv2")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(128, activation="relu6", name="dense")(x)
    value = keras.layers.Dense(1, name="value")(x)
    advantage = keras.layers.Dense(len(contract.actions), name="advantage")(x)
    return keras.Model(observation, [value, advantage], name="q_network")
