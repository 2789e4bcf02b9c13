"""What the two ends say to each other. Fields as on the wire.

A client's values are all strings, numbers too: the Unity simulator reads nothing else. Our server reads both.
"""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sim_bridge.donkeysim.framing import Message

UNITS_PER_M = 8.0  # of Unity's world; cte, way points and set_position are in units, all else in metres


def control(steering: float, throttle: float, brake: float) -> Message:
    """steering, throttle: -1 .. 1 (left, reverse); brake: 0 .. 1. In force until the next one."""
    return {"msg_type": "control", "steering": f"{steering:.4f}", "throttle": f"{throttle:.4f}", "brake": f"{brake:g}"}


def plain(msg_type: str, **fields: object) -> Message:
    """A message whose values become strings."""
    return {"msg_type": msg_type, **{name: str(value) for name, value in fields.items()}}


def number(message: Message, name: str, otherwise: float | None = None) -> float:
    """A finite number, sent as a number or as its text. Raises ValueError where it is none, or missing without
    `otherwise`."""
    value = message.get(name, otherwise)
    if type(value) is float and math.isfinite(value):  # nearly always
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{name} is no number")
    if isinstance(value, str) and len(value) > 40:
        raise ValueError(f"{name} is too long for a number")
    try:
        found = float(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name} is no number: {value!r}") from error
    if not math.isfinite(found):
        raise ValueError(f"{name} is {found}")
    return found


def _no_braces(text: str) -> str:
    """Unity's simulator cuts what it receives at every brace, in strings too."""
    return text.replace("{", "(").replace("}", ")")


Words = Annotated[str, Field(max_length=64), BeforeValidator(lambda value: _no_braces(str(value)))]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    def message(self, msg_type: str) -> Message:
        """As a client sends it."""
        return plain(msg_type, **self.model_dump(by_alias=True))


class CamConfig(_Config):
    """A camera on the car. 0, and an encoding that is none of the three, leave as it is what they are about; but the
    three offsets are taken together, and so are the three rotations: one that is not 0 sets all three."""

    fov: Annotated[float, Field(ge=0, le=200)] = 0  # vertical, degrees
    fish_eye_x: Annotated[float, Field(ge=0, le=1)] = 0
    fish_eye_y: Annotated[float, Field(ge=0, le=1)] = 0
    img_w: Annotated[int, Field(ge=0, le=512)] = 0  # pixels; both, or neither
    img_h: Annotated[int, Field(ge=0, le=512)] = 0
    img_d: Annotated[int, Field(ge=0, le=3)] = 0  # 1 is grey, in three equal channels
    img_enc: Annotated[str, BeforeValidator(str), Field(max_length=8)] = "0"  # JPG, PNG or TGA
    offset_x: float = 0  # units: right, up, forward
    offset_y: float = 0
    offset_z: float = 0
    rot_x: float = 0  # degrees, + is down
    rot_y: float = 0
    rot_z: float = 0


class LidarConfig(_Config):
    """A lidar on the car. Field names as gym-donkeycar has them, aliases as they are on the wire."""

    model_config = ConfigDict(populate_by_name=True)
    deg_per_sweep_inc: Annotated[float, Field(gt=0, le=360, alias="degPerSweepInc")] = 2.0
    deg_ang_down: Annotated[float, Field(alias="degAngDown")] = 0.0
    deg_ang_delta: Annotated[float, Field(alias="degAngDelta")] = -1.0
    num_sweeps_levels: Annotated[int, Field(ge=1, le=64, alias="numSweepsLevels")] = 1
    max_range: Annotated[float, Field(gt=0, alias="maxRange")] = 50.0
    noise: float = 0.5
    offset_x: float = 0.0
    offset_y: float = 0.5
    offset_z: float = 0.5
    rot_x: float = 0.0


class CarConfig(_Config):
    """How the car looks, to people who watch the simulator."""

    body_style: Literal["donkey", "bare", "car01", "cybertruck", "f1"] = "donkey"
    body_r: Annotated[int, Field(ge=0, le=255)] = 128
    body_g: Annotated[int, Field(ge=0, le=255)] = 128
    body_b: Annotated[int, Field(ge=0, le=255)] = 128
    car_name: Words = "patate"
    font_size: Annotated[int, Field(ge=10, le=100)] = 100


class RacerInfo(_Config):
    """Who drives, for the race server of 2020; simulators since do not listen."""

    racer_name: Words = "patate"
    car_name: Words = "patate"
    bio: Words = ""
    country: Words = ""
    guid: Words = "0"
