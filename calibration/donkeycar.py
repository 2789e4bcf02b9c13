"""A donkeycar owner's calibration: from the ticks in myconfig.py to microseconds. The file is parsed, never run."""

import ast
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from calibration.car_file import CalibrationError, CarCalibration
from settings import explain

# donkeycar asks Adafruit's old driver for 60 Hz, which makes a prescale of 101: a tick is 102 / 25 MHz.
TICK_US = 102 / 25
DEFAULTS: dict[str, Any] = {  # donkeycar 5.3.0, templates/cfg_complete.py
    "DRIVE_TRAIN_TYPE": "PWM_STEERING_THROTTLE",
    "PWM_STEERING_PIN": "PCA9685.1:40.1",
    "PWM_THROTTLE_PIN": "PCA9685.1:40.0",
    "PWM_STEERING_SCALE": 1.0,
    "PWM_THROTTLE_SCALE": 1.0,
    "PWM_STEERING_INVERTED": False,
    "PWM_THROTTLE_INVERTED": False,
    "STEERING_LEFT_PWM": 460,
    "STEERING_RIGHT_PWM": 290,
    "THROTTLE_FORWARD_PWM": 500,
    "THROTTLE_STOPPED_PWM": 370,
    "THROTTLE_REVERSE_PWM": 220,
    "STEERING_CHANNEL": 1,  # these four are of the older I2C_SERVO
    "THROTTLE_CHANNEL": 0,
    "PCA9685_I2C_ADDR": 0x40,
    "PCA9685_I2C_BUSNUM": None,
}
TABLE = "PWM_STEERING_THROTTLE"  # the dictionary that holds most of them today; older files have them one by one


@dataclass(frozen=True)
class Imported:
    """A calibration, and what to tell its owner about it."""

    calibration: CarCalibration
    notes: tuple[str, ...]


def read_donkeycar(path: Path) -> Imported:
    """The calibration in a donkeycar car's myconfig.py, with donkeycar's defaults for what is not set there.

    Raises CalibrationError for a file that is no Python, a value that is not written out, or nonsense.
    """
    said = _assignments(path)
    kind = said.get("DRIVE_TRAIN_TYPE", DEFAULTS["DRIVE_TRAIN_TYPE"])
    if kind not in ("PWM_STEERING_THROTTLE", "I2C_SERVO"):
        raise CalibrationError(
            f"{path}: DRIVE_TRAIN_TYPE is {kind!r}; only a servo and an ESC on a PCA9685 can be taken over"
        )
    table = said.get(TABLE, {})
    if not isinstance(table, dict):
        raise CalibrationError(f"{path}: {TABLE} is no dictionary")
    values = said | table if kind == TABLE else said
    reader = _Reader(path, values)
    if kind == TABLE:
        bus, address, steering_channel = reader.pin("PWM_STEERING_PIN")
        other_bus, other_address, throttle_channel = reader.pin("PWM_THROTTLE_PIN")
        if (bus, address) != (other_bus, other_address):
            raise CalibrationError(f"{path}: steering and throttle are on two boards; one PCA9685 is driven here")
    else:
        bus_or_none = reader.get("PCA9685_I2C_BUSNUM")
        bus = 1 if bus_or_none is None else bus_or_none
        address = reader.get("PCA9685_I2C_ADDR")
        steering_channel, throttle_channel = reader.get("STEERING_CHANNEL"), reader.get("THROTTLE_CHANNEL")
    left_us, right_us = reader.pulse("STEERING_LEFT_PWM", "STEERING"), reader.pulse("STEERING_RIGHT_PWM", "STEERING")
    document = {
        "date": datetime.now(UTC).replace(microsecond=0),
        "method": "imported from donkeycar's " + re.sub(r"[^\w.\- ]", "_", path.name)[:100],
        "chip": {"bus": bus, "address": address},
        "steering": {
            "channel": steering_channel,
            "left_us": left_us,
            "centre_us": round((left_us + right_us) / 2, 2),
            "right_us": right_us,
        },
        "throttle": {
            "channel": throttle_channel,
            "reverse_us": reader.pulse("THROTTLE_REVERSE_PWM", "THROTTLE"),
            "neutral_us": reader.pulse("THROTTLE_STOPPED_PWM", "THROTTLE"),
            "forward_us": reader.pulse("THROTTLE_FORWARD_PWM", "THROTTLE"),
        },
    }
    try:
        calibration = CarCalibration.model_validate(document)
    except ValidationError as error:
        raise CalibrationError(f"{path} makes no car: {explain(error, CarCalibration)}") from error
    notes = (
        *reader.notes,
        "the centre is the middle of left and right, as donkeycar has it: check it with  calibrate steering",
    )
    return Imported(calibration, notes)


class _Reader:
    """Looks values up, and keeps a note of each."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self._path, self._values = path, values
        self.notes: list[str] = []

    def get(self, name: str) -> Any:
        value = self._values.get(name, DEFAULTS[name])
        if name not in self._values:
            self.notes.append(f"{name} is not set there: donkeycar's default {value!r}")
        return value

    def number(self, name: str) -> float:
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CalibrationError(f"{self._path}: {name} is {value!r}, not a number")
        return value

    def pulse(self, name: str, which: str) -> float:
        """In microseconds."""
        if self._values.get(f"PWM_{which}_INVERTED", False) is not False:
            raise CalibrationError(
                f"{self._path}: PWM_{which}_INVERTED turns the signal upside down, which no servo on a PCA9685 takes"
            )
        scale_name = f"PWM_{which}_SCALE"
        scale = self.number(scale_name) if scale_name in self._values else 1.0
        ticks = self.number(name)
        if not 0 < ticks * scale < 4096:
            raise CalibrationError(f"{self._path}: {name} is {ticks:g}; there are ticks from 1 to 4095")
        pulse_us = round(int(ticks * scale) * TICK_US, 2)
        self.notes.append(f"{name} {ticks:g} ticks = {pulse_us:g} us")
        return pulse_us

    def pin(self, name: str) -> tuple[int, int, int]:
        """Bus, address, channel."""
        text = self.get(name)
        match = re.fullmatch(r"PCA9685\.(\d+):([0-9a-fA-F]+)\.(\d+)", text) if isinstance(text, str) else None
        if match is None:
            raise CalibrationError(f"{self._path}: {name} is {text!r}, not a pin like 'PCA9685.1:40.1'")
        return int(match[1]), int(match[2], 16), int(match[3])


def _assignments(path: Path) -> dict[str, Any]:
    """The values that count: written out, at the top level. Raises CalibrationError."""
    known = {*DEFAULTS, TABLE}
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(f"cannot read {path}: {error.strerror}; name donkeycar's myconfig.py") from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CalibrationError(f"{path} is no Python file: {error}") from error
    values: dict[str, Any] = {}
    plain: set[ast.AST] = set()
    for node in tree.body:
        name = _assigned(node)
        if name in known:
            assert isinstance(node, ast.Assign | ast.AnnAssign)  # noqa: S101 - _assigned gave a name
            plain.add(node)
            try:
                values[name] = ast.literal_eval(node.value) if node.value else None
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
                raise CalibrationError(
                    f"{path}, line {node.lineno}: {name} is not written out; put its value there, this file is not run"
                ) from error
    for part in ast.walk(tree):
        if part not in plain and (computed := known & _targets(part)):
            raise CalibrationError(
                f"{path}, line {getattr(part, 'lineno', 0)}: {min(computed)} is worked out there; put its value there, "
                "this file is not run"
            )
    return values


def _assigned(node: ast.stmt) -> str:
    """The name in `name = ...`; '' for any other statement."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return node.target.id
    return ""


def _targets(node: ast.AST) -> set[str]:
    """The names that a statement changes, wholly or in part."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For):
        targets = [node.target]
    else:
        return set()
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
