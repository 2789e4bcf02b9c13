"""calibration/car.toml in the car's folder: what its servo board, servo and motor controller take. Strict: an unknown
key, a pulse out of range or ends in the wrong places are errors."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from errors import UserError
from settings import explain, read_toml
from storage.files import write_file

KEPT = 5  # older calibrations, beside the current one
LEAST_SPAN_US = 50.0  # between a servo's centre and its end

Pulse = Annotated[float, Field(ge=500, le=2500)]
Channel = Annotated[int, Field(ge=0, le=15)]


class CalibrationError(UserError):
    """A calibration cannot be used. The message is one line: the cause and the remedy."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _between(low: str, low_us: float, middle: str, middle_us: float, high: str, high_us: float) -> None:
    if (low_us - middle_us) * (high_us - middle_us) >= 0:
        raise ValueError(f"{middle} {middle_us:g} is not between {low} {low_us:g} and {high} {high_us:g}")
    if min(abs(low_us - middle_us), abs(high_us - middle_us)) < LEAST_SPAN_US:
        raise ValueError(f"{middle} {middle_us:g} is within {LEAST_SPAN_US:g} us of an end")


class ChipCalibration(_Section):
    """[chip]: the PCA9685."""

    bus: Annotated[int, Field(ge=0, le=255, description="N of /dev/i2c-N")] = 1
    address: Annotated[int, Field(ge=0x08, le=0x77)] = 0x40
    oscillator_hz: Annotated[
        float, Field(ge=20e6, le=32e6, description="nominal 25 MHz; measured with a scope or a servo tester")
    ] = 25e6
    frequency_hz: Annotated[float, Field(ge=40, le=200)] = 60.0
    output_enable_gpio: Annotated[int | None, Field(ge=0, le=27, description="GPIO wired to OE, if one is")] = None


class SteeringCalibration(_Section):
    """[steering]: the servo. left_us may be above or below right_us: that is how a servo is inverted."""

    channel: Channel = 1
    left_us: Pulse = 1000.0
    centre_us: Pulse = 1500.0
    right_us: Pulse = 2000.0
    slew_per_s: Annotated[float, Field(gt=0, le=1000, description="of the range -1 .. 1")] = 20.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _between("left_us", self.left_us, "centre_us", self.centre_us, "right_us", self.right_us)
        return self


class ThrottleCalibration(_Section):
    """[throttle]: the motor controller (ESC)."""

    channel: Channel = 0
    reverse_us: Pulse = 1000.0
    neutral_us: Pulse = 1500.0
    forward_us: Pulse = 2000.0
    deadband_us: Annotated[float, Field(ge=0, le=100, description="the ESC's own, on either side of neutral")] = 0.0
    reverse: Annotated[
        Literal["brake-first", "direct", "never"],
        Field(description="most car ESCs brake at the first pulse below neutral, and reverse only after neutral again"),
    ] = "brake-first"
    slew_per_s: Annotated[float, Field(gt=0, le=1000, description="of the range -1 .. 1")] = 5.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _between("reverse_us", self.reverse_us, "neutral_us", self.neutral_us, "forward_us", self.forward_us)
        return self


class CarCalibration(_Section):
    """The whole of car.toml."""

    date: AwareDatetime
    method: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
    chip: ChipCalibration = ChipCalibration()
    steering: SteeringCalibration = SteeringCalibration()
    throttle: ThrottleCalibration = ThrottleCalibration()

    @model_validator(mode="after")
    def _two_channels(self) -> Self:
        if self.steering.channel == self.throttle.channel:
            raise ValueError(f"steering and throttle are both on channel {self.steering.channel}")
        return self


def path_of(car: Path) -> Path:
    """Where the calibration of the car in this folder is."""
    return car / "calibration" / "car.toml"


def nominal() -> CarCalibration:
    """What a servo and an ESC take by the book; for the simulated chip, and as a first guess."""
    return CarCalibration(date=datetime.now(UTC).replace(microsecond=0), method="nominal values, nothing measured")


def load_calibration(car: Path) -> CarCalibration | None:
    """The calibration of the car in this folder, None where there is none. Raises CalibrationError."""
    return read_toml(path_of(car), CarCalibration, CalibrationError)


def with_found(
    before: CarCalibration,
    section: Literal["steering", "throttle"],
    found: Mapping[str, object],
    now: datetime | None = None,
) -> CarCalibration:
    """The calibration with what `calibrate <section>` found there. Raises CalibrationError where it makes no sense."""
    old = before.steering if section == "steering" else before.throttle
    try:
        new = type(old).model_validate({**old.model_dump(), **found})
    except ValidationError as error:
        raise CalibrationError(f"{explain(error, type(old))}; nothing was saved, start again") from error
    date = now or datetime.now(UTC).replace(microsecond=0)
    return before.model_copy(update={section: new, "date": date, "method": f"calibrate {section}"})


def save_calibration(car: Path, calibration: CarCalibration) -> Path:
    """Write the file, whole or not at all; the five before it are kept beside it. Raises StorageError."""
    path = path_of(car)
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        before = None
    if before is not None:
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        write_file(path.with_name(f"car-{written:%Y%m%dT%H%M%S.%f}.toml"), before)
    write_file(path, as_toml(calibration).encode())
    for old in sorted(path.parent.glob("car-*.toml"))[:-KEPT]:
        old.unlink()
    return path


def as_toml(calibration: CarCalibration) -> str:
    """The file's text: what load_calibration reads back as the same calibration."""
    lines = [
        f"date = {calibration.date.isoformat()}",
        f"method = {_quoted(calibration.method)}",
    ]
    for name in ("chip", "steering", "throttle"):
        section: BaseModel = getattr(calibration, name)
        lines += ["", f"[{name}]"]
        for key, value in section:
            if value is not None:
                lines.append(f"{key} = {_quoted(value) if isinstance(value, str) else repr(value)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
