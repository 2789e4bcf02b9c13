"""Where a simulator is, as it is typed; sim_bridge/make.py makes environments of it.

embedded                                               in this process
donkeysim://HOST:PORT/SCENE[?road=original]            over DonkeySim's wire; the scene by name, or a gym id
launcher://HOST:PORT/SCENE[?road=original]             the same, with a simulator of its own for each car
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from errors import UserError
from sim_bridge.donkeysim.scenes import ENV_IDS, Road, road_named, scene_named
from sim_bridge.launcher.lease import Lease
from sim_bridge.launcher.server import PORT as LAUNCHER_PORT

EMBEDDED = "embedded"
DEFAULT_PORT, DEFAULT_SCENE = 9091, "generated_track"
FORM = "embedded, donkeysim://HOST:PORT/SCENE or launcher://HOST:PORT/SCENE"

Where = Callable[[], tuple[str, int]]


@dataclass(frozen=True)
class Address:
    """A simulator elsewhere."""

    kind: str
    host: str
    port: int
    scene: str
    road: Road | None = None  # instead of the scene's own

    def wheres(self, count: int) -> list[Where]:
        """For each of `count` cars, what tells where its simulator is, asked at each connect: of a DonkeySim, in which
        they all drive, always the same place."""
        if self.kind == "launcher":  # a new simulator for each
            return [Lease(self.host, self.port) for _ in range(count)]
        return [lambda: (self.host, self.port)] * count


def parse_address(typed: str) -> Address | None:
    """None: the embedded simulator. A gym id alone is that scene on this machine. Raises UserError for what is no
    address."""
    if typed == EMBEDDED:
        return None
    if typed in ENV_IDS:
        return Address("donkeysim", "127.0.0.1", DEFAULT_PORT, scene_named(typed))
    try:
        parts = urlsplit(typed)
        port = parts.port
    except ValueError as error:
        raise UserError(f"{typed!r} is no simulator: {error}; it is {FORM}") from error
    if parts.scheme not in ("donkeysim", "launcher") or not parts.hostname:
        raise UserError(f"{typed!r} is no simulator; it is {FORM}")
    asked = parse_qs(parts.query)
    if set(asked) - {"road"} or parts.fragment or parts.username:
        raise UserError(f"{typed!r} is no simulator: ?road=original is all that may follow the scene")
    road = road_named(asked["road"][0]) if "road" in asked else None
    scene = scene_named(parts.path.strip("/") or DEFAULT_SCENE)
    usual = LAUNCHER_PORT if parts.scheme == "launcher" else DEFAULT_PORT
    return Address(parts.scheme, parts.hostname, port or usual, scene, road)


def address_of(typed: str) -> Address:
    """Of a simulator elsewhere. Raises UserError for what is no address, and for the embedded one, which has none."""
    address = parse_address(typed)
    if address is None:
        raise UserError(f"{typed!r} is the simulator in here; leave the address out, or name one: {FORM}")
    return address
