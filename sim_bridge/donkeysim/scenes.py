"""DonkeySim's scenes by name: where the middle of their road is, how wide it is, and the ids that gym-donkeycar gives
them."""

from dataclasses import dataclass

from errors import UserError
from sim_bridge.donkeysim.messages import UNITS_PER_M


@dataclass(frozen=True)
class Road:
    """What the cross track error does not tell: it is measured from a path, + right, in units, and the path need not
    be the road's middle."""

    middle_cte: float  # units: the cross track error of a car in the middle
    half_width: float  # units: from there to the edge, where an episode ends

    @property
    def half_width_m(self) -> float:
        return self.half_width / UNITS_PER_M

    def offset_m(self, cte: float) -> float:
        """From the middle of the road, + left, as everywhere else in this project."""
        return (self.middle_cte - cte) / UNITS_PER_M


# The roads of the two generated scenes are built from their paths, which run in the middle of the right lane. Those of
# the others are modelled by hand, and nobody wrote their widths down: this much is road on all of them.
MODELLED = Road(0.0, 3.2)
SCENES: dict[str, Road] = {
    "generated_road": Road(-2.2, 5.0),
    "warehouse": MODELLED,
    "sparkfun_avc": MODELLED,
    "generated_track": Road(-2.0, 5.0),
    "roboracingleague_1": MODELLED,
    "waveshare": MODELLED,
    "mini_monaco": MODELLED,
    "warren": MODELLED,
    "circuit_launch": MODELLED,
    "mountain_track": MODELLED,
    "thunderhill": MODELLED,
}
# What the original project drove by, on the generated scenes: its offset of 2.25 and its end at 3.2.
ROADS: dict[str, Road] = {"original": Road(-2.25, 3.2)}

ENV_IDS: dict[str, str] = {
    "donkey-generated-roads-v0": "generated_road",
    "donkey-warehouse-v0": "warehouse",
    "donkey-avc-sparkfun-v0": "sparkfun_avc",
    "donkey-generated-track-v0": "generated_track",
    "donkey-mountain-track-v0": "mountain_track",
    "donkey-roboracingleague-track-v0": "roboracingleague_1",
    "donkey-waveshare-v0": "waveshare",
    "donkey-minimonaco-track-v0": "mini_monaco",
    "donkey-warren-track-v0": "warren",
    "donkey-thunderhill-track-v0": "thunderhill",
    "donkey-circuit-launch-track-v0": "circuit_launch",
}


def scene_named(name: str) -> str:
    """A scene by its own name or by gym-donkeycar's id. Raises UserError where it is neither."""
    scene = ENV_IDS.get(name, name)
    if scene not in SCENES:
        raise UserError(f"DonkeySim has no scene {name!r}; it has {', '.join(SCENES)}")
    return scene


def road_named(name: str) -> Road:
    """Raises UserError where there is no such preset."""
    if name not in ROADS:
        raise UserError(
            f"there is no road {name!r}; there is {', '.join(ROADS)}, and each scene's own where it is left out"
        )
    return ROADS[name]
