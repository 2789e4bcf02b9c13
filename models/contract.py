"""What the trainer promises and the car must keep: what the policy sees, and what its outputs mean.

The trainer writes the contract into the model's manifest, the simulator and the car obey it, and a car refuses a model
whose contract it cannot meet. Frozen; its digest names it.
"""

import hashlib
import json
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ObservationSpec(_Frozen):
    """From the camera's frame to what the policy sees. models/observation.py is the one implementation."""

    frame_width: Annotated[int, Field(ge=32, le=640)] = 160  # pixels of the camera's frame: donkeycar's 160 x 120
    frame_height: Annotated[int, Field(ge=24, le=480)] = 120
    crop_top: Annotated[int, Field(ge=0)] = 40  # rows dropped: the top third shows the room, not the road
    size: Annotated[int, Field(ge=16, le=256)] = 64  # the policy sees size x size pixels
    stack: Annotated[int, Field(ge=1, le=8)] = 4  # frames seen at once, the newest last
    period_s: Annotated[float, Field(gt=0, le=1)] = 0.05  # the control period, and the time between stacked frames
    channels: Literal["luma"] = "luma"  # full-range BT.601 grey, which is the Y plane of the Pi's camera

    @model_validator(mode="after")
    def _something_is_left(self) -> "ObservationSpec":
        if self.crop_top >= self.frame_height:
            raise ValueError(f"crop_top {self.crop_top} leaves nothing of a frame of {self.frame_height} rows")
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one observation: (size, size, stack), uint8."""
        return (self.size, self.size, self.stack)


UnitInterval = Annotated[float, Field(ge=-1, le=1)]


class ActionTable(_Frozen):
    """Steering bins x throttle levels. Action index = steering index * number of throttle levels + throttle index."""

    steering: tuple[UnitInterval, ...] = (-1.0, -0.6, -0.25, 0.0, 0.25, 0.6, 1.0)  # -1 full left, +1 full right
    throttle: tuple[UnitInterval, ...] = (0.2,)  # -1 .. +1; 0.2 is also the car's cap until its owner raises it
    decoding: Literal["argmax", "expectation"] = "argmax"  # models/decision.py says what they are
    temperature: Annotated[float, Field(gt=0)] = 0.2  # of the expectation's softmax, in the model's own units
    # What steering 1 does in the car that the policy takes every car for; models/arc.py makes it the same arc in a car
    # that was measured. None: it learnt from cars that each turned as they did, and means none of them.
    turns_rad_per_m: Annotated[float | None, Field(gt=0, le=20)] = None

    @field_validator("steering", "throttle")
    @classmethod
    def _ascending(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or any(after <= before for before, after in pairwise(values)):
            raise ValueError("must be one or more numbers in ascending order")
        return values

    @model_validator(mode="after")
    def _symmetric(self) -> "ActionTable":
        if any(a != -b for a, b in zip(self.steering, reversed(self.steering), strict=True)):
            raise ValueError("steering must be symmetric about 0, so that a mirrored frame has a mirrored action")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_known(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As before there was a word for it: cars that have not been updated go on reading such models."""
        fields: dict[str, Any] = dump(self)
        if self.turns_rad_per_m is None:
            fields.pop("turns_rad_per_m", None)  # unset ones may be left out already
        return fields

    def __len__(self) -> int:
        return len(self.steering) * len(self.throttle)

    def decode(self, action: int) -> tuple[float, float]:
        """Action index -> (steering, throttle). Raises IndexError where the index is not in the table."""
        if not 0 <= action < len(self):
            raise IndexError(f"action {action} is not in a table of {len(self)}")
        steering, throttle = divmod(int(action), len(self.throttle))
        return self.steering[steering], self.throttle[throttle]

    def mirrored(self, action: int) -> int:
        """The action that does to a left-right mirrored world what this one does to the world."""
        steering, throttle = divmod(int(action), len(self.throttle))
        return (len(self.steering) - 1 - steering) * len(self.throttle) + throttle


class Contract(_Frozen):
    """Everything the two sides must agree on. `Contract()` is the one this project trains and drives."""

    version: Literal[1] = 1
    observation: ObservationSpec = ObservationSpec()
    actions: ActionTable = ActionTable()

    @property
    def digest(self) -> str:
        """sha256 of the contract's canonical JSON: equal contracts, equal digests, on every machine."""
        fields = self.model_dump(mode="json")
        if self.actions.decoding == "argmax":  # what it was before there was a choice: those models keep their digest
            del fields["actions"]["decoding"], fields["actions"]["temperature"]
        canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
