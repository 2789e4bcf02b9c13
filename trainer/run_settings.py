"""What makes a run what it is: its settings.json, and how those settings come from what was typed."""

import json
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from errors import UserError
from models.contract import ActionTable, Contract
from settings import PROJECT, explain
from sim_bridge.calibrated import centred
from sim_bridge.distributions import table_named
from sim_bridge.rollout import middle_car
from storage.files import write_file
from trainer.hyperparameters import Hyperparameters
from trainer.places import Places
from trainer.presets import load_preset

THROTTLE_LEVELS = (0.2, 0.4, 0.6)  # 1 to 1.5 m/s in bends, and 3 to 4.5 on straights for those who raise their cap
SETTINGS = "settings.json"


class RunSettings(BaseModel):
    """settings.json: all that makes a run what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    command: str  # trains such a model again
    commit: str  # of the code, with -dirty where it was changed
    preset: str | None = None
    hyperparameters: Hyperparameters
    contract: Contract
    places: Places = Places()
    calibration: dict[str, tuple[float, float]] | None = None  # what was measured of the car that it is for

    def save(self, folder: Path) -> None:
        """Raises StorageError."""
        write_file(folder / SETTINGS, (json.dumps(self.model_dump(mode="json"), indent=2) + "\n").encode())


def load_settings(folder: Path) -> RunSettings:
    """A run's settings.json. Raises UserError where there is none or it cannot be used."""
    path = folder / SETTINGS
    try:
        return RunSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{folder} is no training run, it has no {SETTINGS}; see what is in {folder.parent}") from error
    except ValidationError as error:
        raise UserError(f"{path} cannot be used: {explain(error, RunSettings)}") from error


@dataclass(frozen=True)
class Budget:
    """How long to train: minutes or frames of all cars together, whichever is given and ends first."""

    minutes: float | None
    frames: int | None

    @property
    def seconds(self) -> float | None:
        return self.minutes * 60 if self.minutes else None

    @property
    def options(self) -> list[str]:
        """As they are typed."""
        minutes = ["--minutes", f"{self.minutes:g}"] if self.minutes else []
        return minutes + (["--steps", str(self.frames)] if self.frames else [])


def contract_for(
    hyperparameters: Hyperparameters, calibration: Mapping[str, tuple[float, float]] | None = None
) -> Contract:
    """What a policy of these hyper-parameters promises. calibration: of the car that it is for, as calibration.known
    has it."""
    turns_rad_per_m = None
    if hyperparameters.values == "rolled_out":
        turns_rad_per_m = middle_car(centred(table_named(hyperparameters.table), calibration or {}))
    actions = ActionTable(
        decoding=hyperparameters.decoding,
        temperature=hyperparameters.temperature,
        turns_rad_per_m=turns_rad_per_m,
    )
    if hyperparameters.throttle == "levels":
        actions = actions.model_copy(update={"throttle": THROTTLE_LEVELS})
    return Contract(actions=actions)


def command_of(
    hyperparameters: Hyperparameters, preset: str | None, budget: Budget, places: Places, calibration: Path | None
) -> str:
    """What to type for such a run: budget, places, preset, and all that is neither the preset's nor the default."""
    words = ["python", "manage.py", "train", *budget.options, *places.options]
    words += ["--preset", preset] if preset else []
    words += ["--calibration", str(calibration)] if calibration else []
    without = Hyperparameters(**(load_preset(preset) if preset else {}))
    for name, value in hyperparameters:
        if value != getattr(without, name):
            option = name.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{option}" if value else f"--no-{option}")
            else:
                words += [f"--{option}", str(value)]
    return shlex.join(words)


def commit_of_code() -> str:
    """Of the code at hand, with -dirty where it was changed; `unknown` outside git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607, whichever git is there
            cwd=PROJECT, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return described.stdout.strip()
