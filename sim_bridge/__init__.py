"""Worlds to train in. `make_env` and `make_vector_env` give Gymnasium environments, whatever is behind them."""

from sim_bridge.donkeysim.env import DonkeySimEnv, DonkeySimVectorEnv
from sim_bridge.env import DonkeyEnv, DonkeyVectorEnv
from sim_bridge.make import make_env, make_vector_env

__all__ = ["DonkeyEnv", "DonkeySimEnv", "DonkeySimVectorEnv", "DonkeyVectorEnv", "make_env", "make_vector_env"]
