"""Every setting of a car: typed, with its unit, range and default. Read from <car>/settings.toml; an unknown key is an
error, a missing file means the defaults. Any package may import this file."""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from errors import UserError

PROJECT = Path(__file__).resolve().parent
DEFAULT_CAR = PROJECT / "mycar"

Model = TypeVar("Model", bound=BaseModel)


class SettingsError(UserError):
    """A settings file cannot be used. The message is one line: the cause and the remedy."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DriveSettings(_Section):
    """[drive]: how the car drives."""

    mode: Annotated[
        Literal["user", "local_angle", "local"],
        Field(
            description="who drives at the start, in donkeycar's words: a person, the policy steering, the policy alone"
        ),
    ] = "local"
    throttle_cap: Annotated[float, Field(ge=0, le=1, description="no throttle beyond this reaches the car")] = 0.2
    throttle_multiplier: Annotated[
        float, Field(ge=0, le=2, description="times the policy's throttle, before the cap")
    ] = 1.0
    throttle_slew_per_s: Annotated[
        float, Field(gt=0, le=100, description="how fast the throttle may grow; letting go is never slowed")
    ] = 4.0
    oldest_frame_s: Annotated[
        float, Field(gt=0, le=0.2, description="a frame older than this stops the car, in drive and in the guardian")
    ] = 0.2


class CameraSettings(_Section):
    """[camera]: the real camera, on a ribbon cable or USB."""

    rate_hz: Annotated[
        float,
        Field(
            ge=5,
            le=200,
            description="frames a second, at most; the field of view comes first, and the control rate divides it",
        ),
    ] = 60.0
    exposure_ms: Annotated[float, Field(ge=0, le=100, description="0: automatic")] = 0.0
    gain: Annotated[float, Field(ge=0, le=64, description="of the sensor; 0: automatic")] = 0.0
    flip_horizontal: Annotated[bool, Field(description="mirror the picture left to right")] = False
    flip_vertical: Annotated[
        bool, Field(description="turn it top to bottom; both flips together for a camera mounted upside down")
    ] = False


PadType = Literal["ps3", "ps3sixad", "ps4", "nimbus", "xbox", "xboxswapped", "wiiu", "F710", "rc3"]


class PageSettings(_Section):
    """[page]: the driver's page."""

    enabled: Annotated[bool, Field(description="there is one")] = True
    port: Annotated[int, Field(ge=0, le=65535, description="of its address; 0: any that is free")] = 8887


class PadSettings(_Section):
    """[pad]: a game pad."""

    type: Annotated[PadType | None, Field(description="donkeycar's CONTROLLER_TYPE; none where left out")] = None
    device: Annotated[str, Field(min_length=1, description="where Linux shows it")] = "/dev/input/js0"


class S3Settings(_Section):
    """[s3]: the server of the buckets. What is left out is found by boto3's own chain: AWS_ENDPOINT_URL_S3,
    AWS_REGION, ~/.aws/config and the like. The keys are always found there, never in this file."""

    endpoint: Annotated[
        str | None, Field(pattern=r"^https?://[^/\s]+/?$", description="its address, where it is not Amazon's")
    ] = None
    region: Annotated[str | None, Field(min_length=1, description="in which the bucket is")] = None
    profile: Annotated[str | None, Field(min_length=1, description="which keys of ~/.aws/credentials")] = None


class SimCacheSettings(_Section):
    """[simcache]: recordings to learn from."""

    size: Annotated[int, Field(ge=1, le=2000, description="transitions in a file; a crash loses at most those")] = 300
    place: Annotated[
        str | None,
        Field(
            min_length=1, description="where drive records them: a folder or s3://bucket/prefix; simcache/ of the car"
        ),
    ] = None
    queue_mb: Annotated[int, Field(ge=1, description="of files on disk that wait for a bucket; more are lost")] = 1000
    cache_mb: Annotated[int, Field(ge=1, description="of files kept on disk that came from a bucket")] = 5000


class ModelsSettings(_Section):
    """[models]: the model store."""

    place: Annotated[
        str | None,
        Field(
            min_length=1, description="s3://BUCKET/PREFIX or a folder; where left out: the folder store of the car's"
        ),
    ] = None
    poll_s: Annotated[
        float, Field(ge=0.1, le=3600, description="so often `drive --follow` asks whether there is a new model")
    ] = 15.0


class Settings(_Section):
    """The whole of settings.toml."""

    hardware: Annotated[
        Literal["auto", "pi", "sim"],
        Field(description="real camera and servos, or the simulated car; auto: real on a Raspberry Pi"),
    ] = "auto"
    drive: DriveSettings = DriveSettings()
    camera: CameraSettings = CameraSettings()
    page: PageSettings = PageSettings()
    pad: PadSettings = PadSettings()
    s3: S3Settings = S3Settings()
    simcache: SimCacheSettings = SimCacheSettings()
    models: ModelsSettings = ModelsSettings()


def load_settings(car: Path) -> Settings:
    """The settings of the car in this folder; the defaults where it has no settings.toml.

    Raises SettingsError for a file that is not TOML, an unknown key, a wrong type or a value out of range.
    """
    return read_toml(car / "settings.toml", Settings, SettingsError) or Settings()


def read_toml(path: Path, model: type[Model], refusal: type[UserError]) -> Model | None:
    """What a file says, by its model; None where there is no file.

    Raises `refusal` for a file that cannot be read, is not TOML, or does not suit the model.
    """
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise refusal(f"cannot read {path}: {error}; mend or remove it") from error
    except tomllib.TOMLDecodeError as error:
        raise refusal(f"{path} is not TOML: {error}; mend that line") from error
    except ValidationError as error:
        raise refusal(f"{path}: {explain(error, model)}") from error


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first complaint of a validation as one line that names the key, and the nearest key where one is misspelt."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, first["loc"][:-1])
        near = difflib.get_close_matches(str(first["loc"][-1]), known, 1, 0.5)
        advice = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"{where} is no setting; {advice}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where or 'the file'}: {message[0].lower()}{message[1:]}" + (
        f", not {first['input']!r}" if not isinstance(first["input"], dict) else ""
    )


def _fields_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    for name in path:
        field = model.model_fields.get(str(name))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return list(model.model_fields)
