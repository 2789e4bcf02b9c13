"""All checks, for a person or as JSON."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from car.doctor.camera import camera
from car.doctor.line import Line, ok
from car.doctor.machine import disk, load, memory, operating_system, power, python, temperature
from car.doctor.policy import policy
from car.doctor.servos import calibration, servo_board
from car.hardware import choose_camera, device_tree_model, hardware
from car.wheel import choose_model
from errors import UserError
from models.contract import Contract
from models.folder import Model
from settings import Settings, SettingsError, load_settings

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def examine(car: Path, typed_camera: str | None = None, root: Path = Path("/")) -> list[Line]:
    """Every check of this machine and the car in this folder. typed_camera: as drive's --camera. Raises UserError for a
    camera that is none."""
    try:
        settings, settings_line = load_settings(car), _settings_line(car)
    except SettingsError as error:
        settings, settings_line = Settings(), Line("settings", "fail", str(error), "mend the file; defaults till then")
    kind = hardware(settings, root)
    chosen = choose_camera(typed_camera, kind, sim=False)
    why = "by settings.toml" if settings.hardware != "auto" else device_tree_model(root) or "no Raspberry Pi"
    model: Model | UserError
    try:
        model = choose_model(car, None, real=chosen.kind != "sim")
    except UserError as error:
        model = error
    spec = model.contract.observation if isinstance(model, Model) else Contract().observation
    lines = [
        ok("hardware", f"{kind} ({why})"),
        operating_system(root),
        python(kind),
        settings_line,
        camera(chosen, spec, settings.camera),
        servo_board(kind, car, root),
        calibration(kind, car, root),
        *policy(model),
        disk(car),
        memory(root),
        load(root),
    ]
    if device_tree_model(root).startswith("Raspberry Pi"):
        lines += [temperature(root), power(root)]
    return lines


def _settings_line(car: Path) -> Line:
    path = car / "settings.toml"
    return ok("settings", str(path) if path.exists() else f"the defaults: there is no {path}")


def as_json(lines: list[Line]) -> dict[str, object]:
    """`state` is the worst of the lines'."""
    return {"state": worst(lines), "checks": [asdict(line) for line in lines]}


def worst(lines: list[Line]) -> str:
    """fail, warn or ok."""
    states = {line.state for line in lines}
    return next(state for state in ("fail", "warn", "ok") if state in states)


def print_lines(lines: list[Line], console: Console) -> None:
    """A line each, and below it what to do."""
    table = Table.grid(padding=(0, 2))
    for line in lines:
        table.add_row(f"[{COLOURS[line.state]}]{line.state}[/]", line.check, escape(line.words))
        if line.remedy:
            table.add_row("", "", f"-> {escape(line.remedy)}")
    console.print(table, highlight=False)
