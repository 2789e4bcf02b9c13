"""manifest.json: what a model is, what it promises, how it was made and how well it drove."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from models.contract import Contract

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class FileEntry(BaseModel):
    """One file of the model folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]  # bytes


class Manifest(BaseModel):
    """The whole of manifest.json. Unknown keys are errors: a car must not half-understand a model."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    sequence: Annotated[int, Field(ge=0)]  # grows with each model an owner makes; seconds since 1970 when it was made
    created: str  # UTC, ISO 8601
    contract: Contract
    contract_digest: Sha256
    files: dict[str, FileEntry]
    trained_on: str  # which worlds, in words
    command: str  # trains such a model again
    hyperparameters: dict[str, Any]
    # The car it was trained for, where it was for one: what was measured, value and half width, by calibration/known.py
    calibration: dict[str, tuple[float, float]] | None = None
    commit: str  # of the code that trained it; "-dirty" where it was changed
    evaluation: dict[str, Any]  # closed loop and int8 agreement, as measured when it was made
