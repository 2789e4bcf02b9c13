"""Worlds to train in. `make_env` and `make_vector_env` give Gymnasium environments, whatever is behind them."""

from sim_bridge.env import DonkeyEnv, DonkeyVectorEnv, make_env, make_vector_env

__all__ = ["DonkeyEnv", "DonkeyVectorEnv", "make_env", "make_vector_env"]
