"""`manage.py drive`: from a model and settings to a car that drives."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from car.display import Display, Place
from car.driver_mode import DriverMode
from car.governor import Governor, Limits
from car.logbook import Logbook
from car.policy import Policy
from car.preprocessing import Preprocessing
from car.simulated import SimulatedCamera, SimulatedCar, SimulatedDrivetrain
from car.snapshots import Snapshots
from car.tub_camera import NoDrivetrain, TubCamera
from car.vehicle import Part, PartFailed, Vehicle, parts_table
from errors import UserError
from models.folder import Model, load_model
from settings import PROJECT, Settings
from storage.files import StorageError
from storage.tub import Tub

PRETRAINED = PROJECT / "models" / "pretrained"
DRIVES = "drives"  # in the car's own folder
MOST_OFF_ROADS = 10  # in a drive of a given number of laps: then it ends as a failure


def choose_model(car: Path, named: Path | None) -> Model:
    """The model that was named, else the car's current one, else the one that is shipped. Raises ModelError."""
    current = car / "models" / "current"
    return load_model(named or (current if current.exists() else PRETRAINED))


def drive_simulated(
    model: Model,
    settings: Settings,
    folder: Path,
    *,
    seed: int,
    laps: int | None,
    realtime: bool,
    picture: Path | None,
    track: Path | None = None,
    crossings: bool = False,
) -> None:
    """Drive the embedded simulator until the laps are done or Ctrl-C; where asked for, leave a PNG at `picture`.

    folder: the car's own; a film and a summary go to its drives/. track, crossings: as SimulatedCar takes them.
    Raises UserError when a part fails, the car keeps leaving the road, the track cannot be driven or what is left
    behind cannot be written.
    """
    car = SimulatedCar(model.contract.observation, seed, track, crossings=crossings)
    camera = SimulatedCamera(car, realtime=realtime)
    drivetrain = SimulatedDrivetrain(car, camera.clock_ns)
    vehicle = _vehicle(model, settings, camera, drivetrain, car, realtime=realtime)
    vehicle.add(_EndsWhen(vehicle, lambda: laps is not None and (car.laps >= laps or car.off_roads >= MOST_OFF_ROADS)))
    snapshots = Snapshots(car, picture) if picture else None
    if snapshots:
        vehicle.add(snapshots, ["cam/image_array", "steering"])
    left = _drive(vehicle, Logbook(car), model, folder)
    if snapshots:
        snapshots.save()
    if laps is not None and car.off_roads >= MOST_OFF_ROADS:
        raise UserError(
            f"the car left the road {car.off_roads} times before {laps} laps were done; see {left}, "
            "try another --seed, or a policy trained for longer"
        )
    _tell(left)


def drive_footage(model: Model, settings: Settings, folder: Path, tub: Path, *, realtime: bool) -> None:
    """Show the policy a recording until it ends or Ctrl-C. Nothing moves.

    folder: the car's own; a film and a summary go to its drives/.
    Raises UserError when a part fails, the tub cannot be read or what is left behind cannot be written.
    """
    camera = TubCamera(Tub(tub), model.contract.observation, realtime=realtime)
    vehicle = _vehicle(model, settings, camera, NoDrivetrain(camera.clock_ns), camera, realtime=realtime)
    vehicle.add(_EndsWhen(vehicle, lambda: camera.ended))
    _tell(_drive(vehicle, Logbook(camera), model, folder))


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


def _vehicle(
    model: Model,
    settings: Settings,
    camera: SimulatedCamera | TubCamera,
    drivetrain: Part,
    place: Place,
    *,
    realtime: bool,
) -> Vehicle:
    drive, spec = settings.drive, model.contract.observation
    table = parts_table(
        camera=camera,
        preprocessing=Preprocessing(spec),
        policy=Policy(model.policy, model.contract),
        driver_mode=DriverMode(drive.throttle_multiplier),
        governor=Governor(Limits(drive.throttle_cap, drive.oldest_frame_s), camera.clock_ns),
        drivetrain=drivetrain,
        display=Display(place, camera, model.contract.actions, pictures=realtime and sys.stdout.isatty()),
    )
    return Vehicle(table, {"user/mode": drive.mode})


class _EndsWhen:
    """The last part: ends the drive when it is over, once the other parts have had the round's frame."""

    def __init__(self, vehicle: Vehicle, over: Callable[[], bool]) -> None:
        self._vehicle, self._over = vehicle, over

    def run(self) -> None:
        if self._over():
            self._vehicle.on = False
