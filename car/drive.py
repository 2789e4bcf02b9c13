"""`manage.py drive`: from a model and settings to a car that drives."""

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from calibration.car_file import load_calibration
from calibration.known import differences, known
from car.camera import RealPlace
from car.display import Display
from car.driver_mode import DriverMode
from car.drivetrain import Drivetrain, open_drivetrain
from car.governor import Governor, Limits
from car.hardware import CameraChoice
from car.logbook import DRIVES, Logbook
from car.people import People, PeopleOptions, people
from car.pi_camera import PiCamera
from car.policy import Policy
from car.preprocessing import Preprocessing
from car.simulated import SimulatedCamera, SimulatedCar, SimulatedDrivetrain
from car.snapshots import Snapshots
from car.tub_camera import NoDrivetrain, TubCamera
from car.usb_camera import UsbCamera
from car.vehicle import PartFailed, Vehicle, parts_table
from errors import UserError
from models.folder import Model, load_model
from settings import PROJECT, Settings
from storage.files import StorageError
from storage.tub import Tub

PRETRAINED = PROJECT / "models" / "pretrained"  # for the simulated car: the worlds of the default evaluation
PRETRAINED_REAL = PROJECT / "models" / "pretrained_real"  # for rooms it has never seen
Camera = SimulatedCamera | TubCamera | PiCamera | UsbCamera
Place = SimulatedCar | TubCamera | RealPlace
# What page and status line call the car: what it sees, and what moves. REAL SERVOS first, where nobody expects them.
LABELS = {
    SimulatedCar: {None: "SIMULATED", "simchip": "SIMULATED", "pca9685": "REAL SERVOS, VIRTUAL CAMERA"},
    TubCamera: {None: "FOOTAGE", "simchip": "FOOTAGE, SERVOS SIMULATED", "pca9685": "REAL SERVOS, FOOTAGE"},
    RealPlace: {None: "CAMERA, NOTHING MOVES", "simchip": "CAMERA, SERVOS SIMULATED", "pca9685": "CAR"},
}
MOST_OFF_ROADS = 10  # in a drive of a given number of laps: then it ends as a failure


def choose_model(car: Path, named: Path | None, *, real: bool = False) -> Model:
    """The model that was named, else the car's current one, else the one that is shipped: for real rooms, or for the
    simulator's. Raises ModelError."""
    current = car / "models" / "current"
    return load_model(named or (current if current.exists() else PRETRAINED_REAL if real else PRETRAINED))


def not_for_real_rooms(model: Model) -> str | None:
    """What to say to someone who lets this policy look through a real camera; None where it was trained for that."""
    table = model.manifest.hyperparameters.get("table", "unknown")
    if table == "real":
        return None
    return (
        f"the policy was trained in worlds of the table `{table}`, not in `real` ones: it may not find the road in "
        "your room. Train one for it: python manage.py train --preset real --minutes 60"
    )


def not_for_this_car(model: Model, folder: Path) -> str | None:
    """What to say where the policy was trained for a car that was measured, and this one is not it; else None. Raises
    CalibrationError where the car's own calibration cannot be read."""
    trained_for, calibration = model.manifest.calibration, load_calibration(folder)
    if not trained_for:
        return None
    if calibration is None:
        return "the policy was trained for a car that was calibrated, and this one was not: who knows whether it suits"
    unlike = differences(trained_for, known(calibration))
    return f"the policy was trained for another car than this: {'; '.join(unlike)}" if unlike else None


@dataclass(frozen=True)
class Wires:
    """A drivetrain behind the guardian, in place of the simulated one."""

    kind: Literal["simchip", "pca9685"]
    armed: bool  # from the start, by the command line; else a person arms


def drive_simulated(
    model: Model,
    settings: Settings,
    folder: Path,
    options: PeopleOptions,
    *,
    seed: int,
    laps: int | None,
    realtime: bool,
    picture: Path | None,
    track: Path | None = None,
    crossings: bool = False,
    wires: Wires | None = None,
) -> None:
    """Drive the embedded simulator until the laps are done or Ctrl-C; where asked for, leave a PNG at `picture`.
    With wires, the guardian gets the commands, and the simulated car those that it lets through.

    folder: the car's own; a film and a summary go to its drives/. track, crossings: as SimulatedCar takes them.
    Raises UserError when a part fails, the car keeps leaving the road, the track cannot be driven, the page's port is
    taken or what is left behind cannot be written.
    """
    car = SimulatedCar(model.contract.observation, seed, track, crossings=crossings)
    camera = SimulatedCamera(car, realtime=realtime)
    simulated = SimulatedDrivetrain(car, camera.clock_ns)
    vehicle = _vehicle(model, settings, folder, options, camera, simulated, car, wires=wires, realtime=realtime)
    if wires:
        vehicle.add(_Obeys(simulated), ["steering", "throttle", "guardian/state", "guardian/reason"])
    vehicle.add(_EndsWhen(vehicle, lambda: laps is not None and (car.laps >= laps or car.off_roads >= MOST_OFF_ROADS)))
    snapshots = Snapshots(car, picture) if picture else None
    if snapshots:
        vehicle.add(snapshots, ["cam/image_array", "steering"])
    left = _drive(vehicle, Logbook(car, _label(car, wires)), model, folder)
    if snapshots:
        snapshots.save()
    if laps is not None and car.off_roads >= MOST_OFF_ROADS:
        raise UserError(
            f"the car left the road {car.off_roads} times before {laps} laps were done; see {left}, "
            "try another --seed, or a policy trained for longer"
        )
    _tell(left)


def drive_footage(
    model: Model,
    settings: Settings,
    folder: Path,
    options: PeopleOptions,
    tub: Path,
    *,
    realtime: bool,
    wires: Wires | None = None,
) -> None:
    """Show the policy a recording until it ends or Ctrl-C. Nothing moves but, with wires, what hangs on them.

    folder: the car's own; a film and a summary go to its drives/.
    Raises UserError when a part fails, the tub cannot be read or what is left behind cannot be written.
    """
    camera = TubCamera(Tub(tub), model.contract.observation, realtime=realtime)
    nothing = NoDrivetrain(camera.clock_ns)
    vehicle = _vehicle(model, settings, folder, options, camera, nothing, camera, wires=wires, realtime=realtime)
    vehicle.add(_EndsWhen(vehicle, lambda: camera.ended))
    _tell(_drive(vehicle, Logbook(camera, _label(camera, wires)), model, folder))


def drive_real(
    model: Model, settings: Settings, folder: Path, options: PeopleOptions, chosen: CameraChoice, *, wires: Wires | None
) -> None:
    """Drive with a real camera until Ctrl-C. Nothing moves but, with wires, what hangs on them.

    folder: the car's own; a film and a summary go to its drives/.
    Raises UserError where the camera or the servos are missing, the page's port is taken, a part fails or what is left
    behind cannot be written: nothing falls back to a simulated one.
    """
    spec = model.contract.observation
    camera = PiCamera(spec, settings.camera) if chosen.kind == "pi" else UsbCamera(spec, settings.camera, chosen.device)
    for sentence in camera.granted.differs:
        print(f"the camera: {sentence}", file=sys.stderr)
    if warning := not_for_real_rooms(model):
        print(warning, file=sys.stderr)
    if warning := not_for_this_car(model, folder):
        print(warning, file=sys.stderr)
    place = RealPlace(camera.granted)
    nothing = NoDrivetrain(camera.clock_ns)
    try:
        vehicle = _vehicle(model, settings, folder, options, camera, nothing, place, wires=wires, realtime=True)
    except UserError:
        camera.shutdown()
        raise
    _tell(_drive(vehicle, Logbook(place, _label(place, wires)), model, folder))


def _label(place: Place, wires: Wires | None) -> str:
    return LABELS[type(place)][wires.kind if wires else None]


def _drive(vehicle: Vehicle, logbook: Logbook, model: Model, folder: Path) -> Path | None:
    """Drive to the end, a failure too, then leave what the logbook has; returns where. Raises UserError."""
    vehicle.add(logbook, ["cam/image_array", "cam/t_capture_ns", "drivetrain/t_command_ns", "steering"])
    try:
        vehicle.drive()
    except PartFailed:
        with contextlib.suppress(StorageError):  # what failed first is what the driver must know
            logbook.leave(folder / DRIVES, model)
        raise
    return logbook.leave(folder / DRIVES, model)


def _tell(left: Path | None) -> None:
    if left:  # not on stdout, whose last line is the status
        print(f"a film and a summary of the drive are in {left}", file=sys.stderr)


def _wired(wires: Wires, folder: Path, settings: Settings, camera: Camera) -> Drivetrain:
    """Says what holds the car back, on stderr, once. Raises UserError."""
    drive = settings.drive
    if "throttle_cap" not in drive.model_fields_set:
        where = folder / "settings.toml"
        print(
            f"throttle is held to {drive.throttle_cap:g}; [drive] throttle_cap in {where} changes that", file=sys.stderr
        )
    if wires.armed:
        print("armed: the motor turns as soon as the policy says so", file=sys.stderr)
    return open_drivetrain(wires.kind, folder, drive.oldest_frame_s, camera.clock_ns)


def _vehicle(
    model: Model,
    settings: Settings,
    folder: Path,
    options: PeopleOptions,
    camera: Camera,
    drivetrain: SimulatedDrivetrain | NoDrivetrain,
    place: Place,
    *,
    wires: Wires | None,
    realtime: bool,
) -> Vehicle:
    """drivetrain: the one without wires. Raises UserError, and leaves nobody at the servos then."""
    wired = _wired(wires, folder, settings, camera) if wires else None
    try:
        others = _others(model, settings, folder, options, place, wires=wires, realtime=realtime)
    except UserError:
        if wired:
            wired.shutdown()
        raise
    drive, spec = settings.drive, model.contract.observation
    table = parts_table(
        camera=camera,
        preprocessing=Preprocessing(spec),
        policy=Policy(model.policy, model.contract, options.constant_throttle),
        driver_mode=DriverMode(drive.throttle_multiplier),
        governor=Governor(Limits(drive.throttle_cap, drive.oldest_frame_s, drive.throttle_slew_per_s), camera.clock_ns),
        drivetrain=wired or drivetrain,
        display=Display(
            _label(place, wires),
            place,
            camera,
            model.contract.actions,
            others.words,
            pictures=realtime and sys.stdout.isatty(),
        ),
        **others.parts,
    )
    armed = wires is None or wires.armed  # a simulated car hurts nobody
    return Vehicle(
        table, {"user/mode": drive.mode, "user/armed": armed, "user/stop": False, "recording": options.record}
    )


def _others(
    model: Model,
    settings: Settings,
    folder: Path,
    options: PeopleOptions,
    place: Place,
    *,
    wires: Wires | None,
    realtime: bool,
) -> People:
    """Who takes part: nobody where a recording is shown and nothing moves. Raises UserError."""
    if wires is None and isinstance(place, TubCamera):
        return People({}, "")
    simulated = not isinstance(place, RealPlace) and (wires is None or wires.kind == "simchip")
    return people(folder, settings, model, options, label=_label(place, wires), simulated=simulated, realtime=realtime)


class _Obeys:
    """The simulated car gets what the guardian lets through, so that it stands when a real one would."""

    def __init__(self, drivetrain: SimulatedDrivetrain) -> None:
        self._drivetrain = drivetrain

    def run(self, steering: float, throttle: float, state: str, reason: str) -> None:
        self._drivetrain.run(steering, throttle if state == "armed" and not reason else 0.0)


class _EndsWhen:
    """The last part: ends the drive when it is over, once the other parts have had the round's frame."""

    def __init__(self, vehicle: Vehicle, over: Callable[[], bool]) -> None:
        self._vehicle, self._over = vehicle, over

    def run(self) -> None:
        if self._over():
            self._vehicle.on = False
