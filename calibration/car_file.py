"""calibration/car.toml in the car's folder: what its servo board, servo and motor controller take, its lens and how it
is mounted, how the car turns, how fast and how late it is. Strict: an unknown key, a pulse out of range or ends in the
wrong places are errors. Every uncertainty is the half width within which the true value lies in 95 of 100 cases."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from errors import UserError
from settings import explain, read_toml
from storage.files import write_file

KEPT = 5  # older calibrations, beside the current one
LEAST_SPAN_US = 50.0  # between a servo's centre and its end

Pulse = Annotated[float, Field(ge=500, le=2500)]
Channel = Annotated[int, Field(ge=0, le=15)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Words = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class CalibrationError(UserError):
    """A calibration cannot be used. The message is one line: the cause and the remedy."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Section(_Strict):
    """When and how its values were found; without a date they are by the book, or of a file older than these keys."""

    date: AwareDatetime | None = None
    method: Words | None = None


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
    oscillator_uncertainty_hz: Annotated[
        float, Field(gt=0, le=5e6, description="23 to 27 MHz is what is sold where nobody has measured")
    ] = 2e6
    frequency_hz: Annotated[float, Field(ge=40, le=200)] = 60.0
    output_enable_gpio: Annotated[int | None, Field(ge=0, le=27, description="GPIO wired to OE, if one is")] = None


class SteeringCalibration(_Section):
    """[steering]: the servo. left_us may be above or below right_us: that is how a servo is inverted."""

    channel: Channel = 1
    left_us: Pulse = 1000.0
    centre_us: Pulse = 1500.0
    right_us: Pulse = 2000.0
    uncertainty_us: Annotated[float, Field(gt=0, le=500, description="of the centre")] = 20.0
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
    deadband_us: Annotated[
        float, Field(ge=0, le=100, description="the ESC's own: from neutral to where the wheels start to turn forward")
    ] = 0.0
    reverse_deadband_us: Annotated[
        float | None, Field(ge=0, le=100, description="the same backward; as forward where left out")
    ] = None
    reverse: Annotated[
        Literal["brake-first", "direct", "never"],
        Field(description="most car ESCs brake at the first pulse below neutral, and reverse only after neutral again"),
    ] = "brake-first"
    slew_per_s: Annotated[float, Field(gt=0, le=1000, description="of the range -1 .. 1")] = 5.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _between("reverse_us", self.reverse_us, "neutral_us", self.neutral_us, "forward_us", self.forward_us)
        return self


class LensCalibration(_Section):
    """[lens]: in pixels of pictures of width x height, whose first pixel's middle is 0."""

    width: Annotated[int, Field(ge=32, le=8192)]
    height: Annotated[int, Field(ge=24, le=8192)]
    kind: Literal["pinhole", "fisheye"]
    focal_x_px: Positive
    focal_y_px: Positive
    focal_uncertainty_px: Positive
    middle_x_px: float
    middle_y_px: float
    distortion: Annotated[tuple[float, ...], Field(max_length=5, description="OpenCV's k1 k2 p1 p2 k3, or k1 k2 k3 k4")]
    error_px: NotNegative  # of the corners, root mean square
    fov_deg: Annotated[float, Field(gt=10, lt=200, description="across the whole picture")]
    fov_uncertainty_deg: Positive
    fisheye: Annotated[float, Field(ge=0, le=1, description="0 pinhole .. 1 equidistant: the simulator's shape")]
    fisheye_uncertainty: Positive


class PoseCalibration(_Section):
    """[pose]: of the camera above flat ground. A drive shows neither height nor roll."""

    height_m: Annotated[float | None, Field(gt=0, le=1)] = None
    height_uncertainty_m: Positive | None = None
    pitch_deg: Annotated[float, Field(ge=-30, le=90, description="down from the horizontal")]
    pitch_uncertainty_deg: Positive
    roll_deg: Annotated[float | None, Field(ge=-45, le=45, description="clockwise as the camera sees")] = None
    roll_uncertainty_deg: Positive | None = None


class VehicleCalibration(_Section):
    """[vehicle]: a bicycle that drives as the car does."""

    wheelbase_m: Annotated[float, Field(gt=0.03, lt=1)]
    wheelbase_uncertainty_m: Positive
    left_lock_deg: Annotated[float, Field(gt=3, lt=60, description="of the front wheels at steering -1")]
    right_lock_deg: Annotated[float, Field(gt=3, lt=60, description="at steering +1")]
    lock_uncertainty_deg: Positive
    speeds: Annotated[
        tuple[tuple[Positive, Positive], ...], Field(min_length=1, description="throttle, and the m/s that it gives")
    ]
    top_speed_m_s: Annotated[float, Field(gt=0, lt=100, description="at throttle 1, in line with the above")]
    top_speed_uncertainty_m_s: Positive


class LatencyCalibration(_Section):
    """[latency]: from a frame to the moment its command is felt, and what the steering lags behind then."""

    latency_s: Annotated[float, Field(ge=0, lt=2, description="from the frame to the wheels beginning to turn")]
    latency_uncertainty_s: Positive
    servo_lag_s: Annotated[float, Field(ge=0, lt=2, description="time constant of the steering")]
    servo_lag_uncertainty_s: Positive
    loop_s: Annotated[
        float | None, Field(ge=0, lt=2, description="of the latency: from the frame's time stamp to the pulse")
    ] = None
    correlation: Annotated[float, Field(ge=-1, le=1, description="of the picture's turning with the commands")]


Section = Literal["chip", "steering", "throttle", "lens", "pose", "vehicle", "latency"]


class CarCalibration(_Strict):
    """The whole of car.toml. date and method: of the last change."""

    date: AwareDatetime
    method: Words
    car: Annotated[
        str, Field(max_length=64, pattern=r"^[0-9A-Za-z]*$", description="the Raspberry Pi's serial number")
    ] = ""
    chip: ChipCalibration = ChipCalibration()
    steering: SteeringCalibration = SteeringCalibration()
    throttle: ThrottleCalibration = ThrottleCalibration()
    lens: LensCalibration | None = None
    pose: PoseCalibration | None = None
    vehicle: VehicleCalibration | None = None
    latency: LatencyCalibration | None = None

    @model_validator(mode="after")
    def _two_channels(self) -> Self:
        if self.steering.channel == self.throttle.channel:
            raise ValueError(f"steering and throttle are both on channel {self.steering.channel}")
        return self


SECTIONS: dict[Section, type[_Section]] = {
    "chip": ChipCalibration,
    "steering": SteeringCalibration,
    "throttle": ThrottleCalibration,
    "lens": LensCalibration,
    "pose": PoseCalibration,
    "vehicle": VehicleCalibration,
    "latency": LatencyCalibration,
}


def path_of(car: Path) -> Path:
    """Where the calibration of the car in this folder is."""
    return car / "calibration" / "car.toml"


def nominal() -> CarCalibration:
    """What a servo and an ESC take by the book; for the simulated chip, and as a first guess."""
    return CarCalibration(date=datetime.now(UTC).replace(microsecond=0), method="nominal values, nothing measured")


def load_calibration(car: Path) -> CarCalibration | None:
    """The calibration of the car in this folder, None where there is none. Raises CalibrationError."""
    return read_toml(path_of(car), CarCalibration, CalibrationError)


def read_calibration(path: Path) -> CarCalibration:
    """Of a car's folder, or of a car.toml itself. Raises CalibrationError, where there is none too."""
    file = path_of(path) if path.is_dir() else path
    if (calibration := read_toml(file, CarCalibration, CalibrationError)) is None:
        raise CalibrationError(f"there is no {file}; name a car's folder, or the car.toml that calibrate has written")
    return calibration


def known_or_nominal(car: Path, serial: str) -> CarCalibration:
    """What a new calibration of the car in this folder builds on. serial: of the Raspberry Pi, '' elsewhere.

    Raises CalibrationError, for a file that was made on another car too.
    """
    before = load_calibration(car) or nominal()
    if not made_on(before, serial):
        raise CalibrationError(
            f"{path_of(car)} is from another car (its Raspberry Pi is {before.car}, this one {serial}); move it away, "
            "and calibrate this one from the beginning; nothing was saved"
        )
    return before.model_copy(update={"car": serial or before.car})


def made_on(calibration: CarCalibration, serial: str) -> bool:
    """Whether it may be of the car with this Raspberry Pi: not where both are known and differ."""
    return not serial or not calibration.car or calibration.car == serial


def with_found(
    before: CarCalibration,
    section: Section,
    found: Mapping[str, object],
    now: datetime | None = None,
    method: str | None = None,
) -> CarCalibration:
    """The calibration with what was found for a section, by `calibrate <section>` or another method. Raises
    CalibrationError where it makes no sense."""
    date, method = now or datetime.now(UTC).replace(microsecond=0), method or f"calibrate {section}"
    old: _Section | None = getattr(before, section)
    known = old.model_dump() if old is not None and section in ("chip", "steering", "throttle") else {}
    try:
        new = SECTIONS[section].model_validate({**known, **found, "date": date, "method": method})
    except ValidationError as error:
        raise CalibrationError(f"{explain(error, SECTIONS[section])}; nothing was saved, start again") from error
    return before.model_copy(update={section: new, "date": date, "method": method})


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
    lines = [f"{key} = {_toml(value)}" for key, value in calibration if key not in SECTIONS]
    for name in SECTIONS:
        section: BaseModel | None = getattr(calibration, name)
        if section is not None:
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in section if value is not None]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return repr(value)
