"""Environments by the name or the address of what is behind them: the one place where an address becomes one."""

from dataclasses import replace
from typing import Any

from sim_bridge.address import EMBEDDED, Address, parse_address
from sim_bridge.donkeysim.env import DonkeySimEnv, DonkeySimVectorEnv
from sim_bridge.donkeysim.scenes import scene_named
from sim_bridge.env import DonkeyEnv, DonkeyVectorEnv


def make_env(
    sim: str = EMBEDDED, *, host: str | None = None, port: int | None = None, scene: str | None = None, **options: Any
) -> DonkeyEnv | DonkeySimEnv:
    """One car, as a Gymnasium Env.

    sim: `embedded`; `donkeysim`; an address, as sim_bridge/address.py has them; or one of gym-donkeycar's ids. host,
    port, scene: of a DonkeySim, beside or instead of the address's (127.0.0.1, 9091, generated_track). options:
    DonkeyVectorEnv's, or DonkeySimEnv's. Raises UserError for an address that is none.
    """
    address = _address(sim, host, port, scene)
    if address is None:
        return DonkeyEnv(**options)
    return DonkeySimEnv(address.wheres(1)[0], address.scene, **_road(address), **options)


def make_vector_env(
    num_envs: int,
    sim: str = EMBEDDED,
    *,
    host: str | None = None,
    port: int | None = None,
    scene: str | None = None,
    **options: Any,
) -> DonkeyVectorEnv | DonkeySimVectorEnv:
    """`num_envs` cars, as a Gymnasium VectorEnv with `send`, `arrived` and `receive`; otherwise as make_env. options:
    DonkeyVectorEnv's, or DonkeySimVectorEnv's."""
    address = _address(sim, host, port, scene)
    if address is None:
        return DonkeyVectorEnv(num_envs, **options)
    return DonkeySimVectorEnv(address.wheres(num_envs), address.scene, **_road(address), **options)


def _address(sim: str, host: str | None, port: int | None, scene: str | None) -> Address | None:
    """Raises UserError."""
    address = parse_address("donkeysim://127.0.0.1" if sim == "donkeysim" else sim)
    if address is None:
        return None
    return replace(
        address,
        host=host or address.host,
        port=port or address.port,
        scene=scene_named(scene) if scene else address.scene,
    )


def _road(address: Address) -> dict[str, Any]:
    return {} if address.road is None else {"road": address.road}
