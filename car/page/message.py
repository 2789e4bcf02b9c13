"""What a browser may say. Everything it says is checked here; what does not pass moves nothing."""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

MOST_BYTES = 1024  # of one message; the longest honest one is 200
LONGEST_ANSWER = 40  # characters; the longest honest one, 1463.25 us, has 10

Fraction = Annotated[float, Field(ge=-1, le=1)]


class Refused(ValueError):
    """A message that is not one."""


class Said(BaseModel):
    """What any page may say. Every key may be left out or null."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    stop: bool | None = None  # true presses STOP, false releases it


class Message(Said):
    """donkeycar's message (the first five), and what ours adds."""

    angle: Fraction | None = None  # steering, -1 full left to +1 full right
    throttle: Fraction | None = None  # before the car's cap
    drive_mode: Literal["user", "local_angle", "local"] | None = None
    recording: bool | None = None
    buttons: dict[str, bool] | None = None  # donkeycar's clients send them; they do nothing here
    arm: bool | None = None  # false disarms
    leave: bool | None = None  # true: another may drive

    @property
    def wants_the_wheel(self) -> bool:
        """It says something that only the driver may say: all but a STOP, and a heartbeat without content."""
        return self.stop is False or any(
            value is not None for value in (self.angle, self.throttle, self.drive_mode, self.recording, self.arm)
        )


class Answer(Said):
    """Of the person who calibrates. Without content it is a sign of life."""

    to: int | None = None  # the number of the question
    answer: Annotated[str, Field(max_length=LONGEST_ANSWER)] | None = None


Kind = TypeVar("Kind", bound=Said)


def parse(raw: str | bytes, kind: type[Kind]) -> Kind:
    """A message of a kind from its JSON. Raises Refused for whatever is not one: text, NaN, 99, an unknown mode or
    key."""
    if len(raw) > MOST_BYTES:
        raise Refused(f"a message of {len(raw)} bytes")
    try:
        return kind.model_validate_json(raw)
    except ValueError as error:
        raise Refused("not a message") from error
