"""What all learners share: a Q network, its optimiser, and what it thinks of each action."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from models.contract import Contract
from models.decision import Decisions, decide
from trainer.hyperparameters import Hyperparameters
from trainer.network import TRUNKS, PatchConv2D, q_network


class Learner:
    """A Q network that learns. Each kind of learner adds its update and names what it changes."""

    normalised: ClassVar[bool] = False  # whether its network has batch normalisation
    optimizer: ClassVar[type[keras.optimizers.Adam]] = keras.optimizers.Adam

    def __init__(self, contract: Contract, settings: Hyperparameters) -> None:
        keras.utils.set_random_seed(settings.seed)
        self.contract, self.settings = contract, settings
        self.online = self._network()
        self._choose = self._compiled(self._advantages)
        self._optimizer = self.optimizer(settings.learning_rate, epsilon=1.5e-4)
        self._mirrored_action = np.array([contract.actions.mirrored(a) for a in range(len(contract.actions))])
        # Of a stream of its own: what is mirrored must have nothing to do with what is drawn from a memory.
        self._rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(1,)))

    def _network(self) -> keras.Model:
        """A new network of the settings' kind, in the form in which that kind learns fastest."""
        trunk = TRUNKS[self.settings.network]
        convolution = PatchConv2D if trunk.xla else keras.layers.Conv2D
        return q_network(self.contract, trunk, convolution, normalised=self.normalised)

    def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function of tensors as TensorFlow's graph, or as XLA's code, whichever is faster for this network."""
        return tf.function(function, jit_compile=TRUNKS[self.settings.network].xla)

    @property
    def _parts(self) -> Mapping[str, keras.Model | keras.optimizers.Optimizer]:
        """All that learning changes, by name."""
        return {"online": self.online, "optimizer": self._optimizer}

    def state(self) -> dict[str, np.ndarray]:
        """All that learning changes: networks and the optimiser's moments, by name."""
        return {
            f"{name}.{index}": variable.numpy()
            for name, part in self._parts.items()
            for index, variable in enumerate(part.variables)
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from such a state. Raises KeyError or ValueError where it is of another network."""
        for name, part in self._parts.items():
            for index, variable in enumerate(part.variables):
                variable.assign(state[f"{name}.{index}"])

    def start_from(self, weights: list[np.ndarray]) -> None:
        """Begin with these weights of the Q network. Raises ValueError where they are of another network."""
        self.online.set_weights(weights)

    def advantages(self, observation: np.ndarray) -> np.ndarray:
        """uint8 (B, size, size, stack) -> float32 (B, actions)."""
        return self._choose(observation).numpy()

    def decide(self, observation: np.ndarray) -> Decisions:
        """What the policy does with wheels that stand straight, uint8 (B, size, size, stack)."""
        return decide(self.advantages(observation), self.contract.actions, np.zeros(len(observation)))

    def _advantages(self, observation: tf.Tensor) -> tf.Tensor:
        return self.online(as_input(observation), training=False)[1]


def as_input(observation: tf.Tensor) -> tf.Tensor:
    """uint8 (B, size, size, stack) -> float32 in [0, 1]."""
    return tf.cast(observation, tf.float32) * (1 / 255)
