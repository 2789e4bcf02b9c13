"""`manage.py drive`: from a model and settings to a car that drives."""

import sys
from collections.abc import Callable
from pathlib import Path

from car.display import Display, Place
from car.driver_mode import DriverMode
from car.governor import Governor, Limits
from car.people import People, Wanted, people
from car.policy import Policy
from car.preprocessing import Preprocessing
from car.simulated import SimulatedCamera, SimulatedCar, SimulatedDrivetrain
from car.snapshots import Snapshots
from car.tub_camera import NoDrivetrain, TubCamera
from car.vehicle import Part, Vehicle, parts_table
from errors import UserError
from models.folder import Model, load_model
from settings import PROJECT, Settings
from storage.tub import Tub

PRETRAINED = PROJECT / "models" / "pretrained"
MOST_OFF_ROADS = 10  # in a drive of a given number of laps: then it ends as a failure


def choose_model(car: Path, named: Path | None) -> Model:
    """The model that was named, else the car's current one, else the one that is shipped. Raises ModelError."""
    current = car / "models" / "current"
    return load_model(named or (current if current.exists() else PRETRAINED))


def drive_simulated(
    model: Model,
    settings: Settings,
    folder: Path,
    wanted: Wanted,
    *,
    seed: int,
    laps: int | None,
    realtime: bool,
    picture: Path | None,
) -> None:
    """Drive the embedded simulator until the laps are done or Ctrl-C; where asked for, leave a PNG at `picture`.

    folder: the car's own, in which recordings appear.
    Raises UserError when a part fails, the car keeps leaving the road, the page's port is taken or the picture cannot
    be written.
    """
    car = SimulatedCar(model.contract.observation, seed)
    camera = SimulatedCamera(car, realtime=realtime)
    drivetrain = SimulatedDrivetrain(car, camera.clock_ns)
    others = people(folder, settings, model, wanted, label=car.label, simulated=True, realtime=realtime)
    vehicle = _vehicle(model, settings, camera, drivetrain, car, others, realtime=realtime)
    vehicle.mem["recording"] = wanted.record
    vehicle.mem["user/armed"] = True  # nobody is hurt by it
    vehicle.add(_EndsWhen(vehicle, lambda: laps is not None and (car.laps >= laps or car.off_roads >= MOST_OFF_ROADS)))
    snapshots = Snapshots(car, picture) if picture else None
    if snapshots:
        vehicle.add(snapshots, ["cam/image_array", "steering"])
    vehicle.drive()
    if snapshots:
        snapshots.save()
    if laps is not None and car.off_roads >= MOST_OFF_ROADS:
        raise UserError(
            f"the car left the road {car.off_roads} times before {laps} laps were done; "
            "try another --seed, or a policy trained for longer"
        )


def drive_footage(model: Model, settings: Settings, tub: Path, *, realtime: bool) -> None:
    """Show the policy a recording until it ends or Ctrl-C. Nothing moves.

    Raises UserError when a part fails or the tub cannot be read.
    """
    camera = TubCamera(Tub(tub), model.contract.observation, realtime=realtime)
    nobody = People({}, "")
    vehicle = _vehicle(model, settings, camera, NoDrivetrain(camera.clock_ns), camera, nobody, realtime=realtime)
    vehicle.add(_EndsWhen(vehicle, lambda: camera.ended))
    vehicle.drive()


def _vehicle(
    model: Model,
    settings: Settings,
    camera: SimulatedCamera | TubCamera,
    drivetrain: Part,
    place: Place,
    others: People,
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
        display=Display(place, camera, model.contract.actions, others.words, pictures=realtime and sys.stdout.isatty()),
        **others.parts,
    )
    return Vehicle(table, {"user/mode": drive.mode})


class _EndsWhen:
    """The last part: ends the drive when it is over, once the other parts have had the round's frame."""

    def __init__(self, vehicle: Vehicle, over: Callable[[], bool]) -> None:
        self._vehicle, self._over = vehicle, over

    def run(self) -> None:
        if self._over():
            self._vehicle.on = False
