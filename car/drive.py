"""`manage.py drive`: from a model and settings to a car that drives."""

import sys
from pathlib import Path

from car.display import Display
from car.driver_mode import DriverMode
from car.governor import Governor, Limits
from car.policy import Policy
from car.preprocessing import Preprocessing
from car.simulated import SimulatedCamera, SimulatedCar, SimulatedDrivetrain
from car.snapshots import Snapshots
from car.vehicle import Vehicle, parts_table
from errors import UserError
from models.folder import Model, load_model
from settings import PROJECT, Settings

PRETRAINED = PROJECT / "models" / "pretrained"
MOST_OFF_ROADS = 10  # in a drive of a given number of laps: then it ends as a failure


def choose_model(car: Path, named: Path | None) -> Model:
    """The model that was named, else the car's current one, else the one that is shipped. Raises ModelError."""
    current = car / "models" / "current"
    return load_model(named or (current if current.exists() else PRETRAINED))


def drive_simulated(
    model: Model, settings: Settings, *, seed: int, laps: int | None, realtime: bool, picture: Path | None
) -> None:
    """Drive the embedded simulator until the laps are done or Ctrl-C; where asked for, leave a PNG at `picture`.

    Raises UserError when a part fails, the car keeps leaving the road or the picture cannot be written.
    """
    spec = model.contract.observation
    car = SimulatedCar(spec, seed)
    camera = SimulatedCamera(car, realtime=realtime)
    display = Display(car, camera, model.contract.actions, pictures=realtime and sys.stdout.isatty())
    drive = settings.drive
    table = parts_table(
        camera=camera,
        preprocessing=Preprocessing(spec),
        policy=Policy(model.policy, model.contract),
        driver_mode=DriverMode(drive.throttle_multiplier),
        governor=Governor(Limits(drive.throttle_cap, drive.oldest_frame_s), camera.clock_ns),
        drivetrain=SimulatedDrivetrain(car, camera.clock_ns),
        display=display,
    )
    vehicle = Vehicle(table, {"user/mode": drive.mode})
    vehicle.add(_LapsDone(vehicle, car, laps))
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


class _LapsDone:
    """Ends the drive when the laps are done, or will never be."""

    def __init__(self, vehicle: Vehicle, car: SimulatedCar, laps: int | None) -> None:
        self._vehicle, self._car, self._laps = vehicle, car, laps

    def run(self) -> None:
        if self._laps is not None and (self._car.laps >= self._laps or self._car.off_roads >= MOST_OFF_ROADS):
            self._vehicle.on = False
