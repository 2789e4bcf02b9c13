"""The Q network: a small convolutional trunk and a dueling head, 208 k parameters, 0.7 M multiply-adds.

Wang et al., Dueling Network Architectures for Deep Reinforcement Learning (2016).
"""

import keras
import numpy as np

from models.contract import ActionTable, Contract

DEGREE = 4  # of the advantage as a polynomial in the steering


def advantage_basis(actions: ActionTable) -> np.ndarray:
    """Smooth functions of the steering whose mean over the actions is 0, float32 (functions, actions), orthonormal.

    Neighbouring steering bins do nearly the same, so their advantages are tied: a network that learns them one by one
    has noise from bin to bin as large as the differences that matter, and int8 adds its own. Each throttle level has
    functions of its own.
    """
    steering, levels = np.array(actions.steering), np.eye(len(actions.throttle))
    powers = range(min(DEGREE, len(steering) - 1) + 1)
    functions = np.stack([np.outer(steering**power, level).ravel() for power in powers for level in levels], axis=1)
    basis, size, _ = np.linalg.svd(functions - functions.mean(axis=0), full_matrices=False)
    return basis[:, size > 1e-9].T.astype(np.float32)  # the constant function is gone, and one direction with it


def q_network(contract: Contract) -> keras.Model:
    """Observation, float32 (B, size, size, stack) in [0, 1] -> [value (B, 1), advantage (B, actions)].

    Q = value + advantage; the advantages' mean over the actions is 0 by the choice of their basis. ReLU6 keeps the
    activations in a range that int8 can hold.
    """
    basis = advantage_basis(contract.actions)
    observation = keras.Input(contract.observation.shape, name="observation")
    x = keras.layers.Conv2D(16, 4, 4, activation="relu6", name="conv1")(observation)
    x = keras.layers.Conv2D(32, 3, 2, activation="relu6", name="conv2")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(128, activation="relu6", name="dense")(x)
    value = keras.layers.Dense(1, name="value")(x)
    coefficients = keras.layers.Dense(len(basis), name="coefficients")(x)
    advantage = keras.layers.Dense(len(contract.actions), use_bias=False, trainable=False, name="advantage")
    network = keras.Model(observation, [value, advantage(coefficients)], name="q_network")
    advantage.set_weights([basis])
    return network
