"""`manage.py drive`: from a model and settings to a car that drives."""

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from calibration.car_file import CarCalibration, load_calibration
from calibration.known import differences, known
from car.camera import RealPlace
from car.display import Display
from car.driver_mode import DriverMode
from car.drivetrain import Drivetrain, open_drivetrain
from car.governor import Governor, Limits
from car.hardware import CameraChoice
from car.logbook import DRIVES, Logbook
from car.people import People, PeopleOptions, Seen, people
from car.pi_camera import PiCamera
from car.policy import Policy
from car.preprocessing import Preprocessing
from car.simulated import SimulatedCamera, SimulatedCar, SimulatedDrivetrain, WireCamera, WireCar
from car.snapshots import Snapshots
from car.tub_camera import NoDrivetrain, TubCamera
from car.usb_camera import UsbCamera
from car.vehicle import PartFailed, Vehicle, parts_table
from car.wheel import Wheel
from errors import UserError
from models.folder import Model
from settings import Settings
from storage.files import StorageError
from storage.tub import Tub

Camera = SimulatedCamera | WireCamera | TubCamera | PiCamera | UsbCamera
Place = SimulatedCar | WireCar | TubCamera | RealPlace
# What page and status line call the car: what it sees, and what moves. REAL SERVOS first, where nobody expects them.
LABELS = {
    SimulatedCar: {None: "SIMULATED", "simchip": "SIMULATED", "pca9685": "REAL SERVOS, VIRTUAL CAMERA"},
    WireCar: {None: "SIMULATED", "simchip": "SIMULATED", "pca9685": "REAL SERVOS, VIRTUAL CAMERA"},
    TubCamera: {None: "FOOTAGE", "simchip": "FOOTAGE, SERVOS SIMULATED", "pca9685": "REAL SERVOS, FOOTAGE"},
    RealPlace: {None: "CAMERA, NOTHING MOVES", "simchip": "CAMERA, SERVOS SIMULATED", "pca9685": "CAR"},
}
MOST_OFF_ROADS = 10  # in a drive of a given number of laps: then it ends as a failure


def not_for_real_rooms(model: Model) -> str | None:
    """What to say to someone who lets this policy look through a real camera; None where it was trained for that."""
    table = model.manifest.hyperparameters.get("table", "unknown")
    if table == "real":
        return None
    return (
        f"the policy was trained in worlds of the table `{table}`, not in `real` ones: it may not find the road in "
        "your room. Train one for it: python manage.py train --preset real --minutes 60"
    )


def not_for_this_car(model: Model, calibration: CarCalibration | None) -> str | None:
    """What to say where the policy was trained for a car that was measured, and the one with this calibration is not
    it; else None."""
    trained_for = model.manifest.calibration
    if not trained_for:
        return None
    if calibration is None:
        return "the policy was trained for a car that was calibrated, and this one was not: who knows whether it suits"
    unlike = differences(trained_for, known(calibration))
    return f"the policy was trained for another car than this: {'; '.join(unlike)}" if unlike else None


def turns_unknown(model: Model, calibration: CarCalibration | None) -> str | None:
    """What to say where the policy means certain arcs, and nobody knows which steering those are in the car with this
    calibration; else None."""
    turns_rad_per_m = model.contract.actions.turns_rad_per_m
    if turns_rad_per_m is None or (calibration is not None and calibration.vehicle is not None):
        return None
    return (
        f"the policy takes this car for one whose smallest circle is {2 / turns_rad_per_m:.2f} m wide, and nobody has "
        "measured whether it is. Do so: python manage.py calibrate vehicle"
    )


@dataclass(frozen=True)
class Wires:
    """A drivetrain behind the guardian, in place of the simulated one."""

    kind: Literal["simchip", "pca9685"]
    armed: bool  # from the start, by the command line; else a person arms


def drive_simulated(
    wheel: Wheel,
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
    car = SimulatedCar(wheel.model.contract.observation, seed, track, crossings=crossings)
    camera = SimulatedCamera(car, realtime=realtime)
    vehicle = _simulation(wheel, settings, folder, options, camera, car, laps, wires=wires, realtime=realtime)
    snapshots = Snapshots(car, picture) if picture else None
    if snapshots:
        vehicle.add(snapshots, ["cam/image_array", "steering"])
    left = _drive(vehicle, Logbook(car, _label(car, wires)), wheel, folder)
    if snapshots:
        snapshots.save()
    _laps_done(car, laps, left, "try another --seed, or a policy trained for longer")
    _tell(left)


def drive_by_wire(
    wheel: Wheel,
    settings: Settings,
    folder: Path,
    options: PeopleOptions,
    address: str,
    *,
    laps: int | None,
    wires: Wires | None = None,
) -> None:
    """As drive_simulated, in the simulator at an address, which sets the pace. Raises UserError, also where it went."""
    spec = wheel.model.contract.observation
    car = WireCar(address)
    try:
        camera = WireCamera(car, spec.period_s)
        vehicle = _simulation(wheel, settings, folder, options, camera, car, laps, wires=wires, realtime=True)
        left = _drive(vehicle, Logbook(car, _label(car, wires)), wheel, folder)
    finally:
        with contextlib.suppress(UserError):  # what failed first is what the driver must know
            car.close()
    _laps_done(car, laps, left, "try a policy trained for that road")
    _tell(left)


def _simulation(
    wheel: Wheel,
    settings: Settings,
    folder: Path,
    options: PeopleOptions,
    camera: SimulatedCamera | WireCamera,
    car: SimulatedCar | WireCar,
    laps: int | None,
    *,
    wires: Wires | None,
    realtime: bool,
) -> Vehicle:
    """A vehicle whose car is simulated; it stops when the laps are done, or cannot be. Raises UserError."""
    simulated = SimulatedDrivetrain(car, camera.clock_ns)
    vehicle = _vehicle(wheel, settings, folder, options, camera, simulated, car, wires=wires, realtime=realtime)
    if wires:
        vehicle.add(_Obeys(simulated), ["steering", "throttle", "guardian/state", "guardian/reason"])
    vehicle.add(_EndsWhen(vehicle, lambda: laps is not None and (car.laps >= laps or car.off_roads >= MOST_OFF_ROADS)))
    return vehicle


def _laps_done(car: SimulatedCar | WireCar, laps: int | None, left: Path | None, advice: str) -> None:
    """Raises UserError where the car left the road too often."""
    if laps is not None and car.off_roads >= MOST_OFF_ROADS:
        raise UserError(
            f"the car left the road {car.off_roads} times before {laps} laps were done; see {left}, {advice}"
        )


def drive_footage(
    wheel: Wheel,
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
    camera = TubCamera(Tub(tub), wheel.model.contract.observation, realtime=realtime)
    nothing = NoDrivetrain(camera.clock_ns)
    vehicle = _vehicle(wheel, settings, folder, options, camera, nothing, camera, wires=wires, realtime=realtime)
    vehicle.add(_EndsWhen(vehicle, lambda: camera.ended))
    _tell(_drive(vehicle, Logbook(camera, _label(camera, wires)), wheel, folder))


def drive_real(
    wheel: Wheel, settings: Settings, folder: Path, options: PeopleOptions, chosen: CameraChoice, *, wires: Wires | None
) -> None:
    """Drive with a real camera until Ctrl-C. Nothing moves but, with wires, what hangs on them.

    folder: the car's own; a film and a summary go to its drives/.
    Raises UserError where the camera or the servos are missing, the page's port is taken, a part fails or what is left
    behind cannot be written: nothing falls back to a simulated one; CalibrationError where the car's cannot be read.
    """
    spec, calibration = wheel.model.contract.observation, load_calibration(folder)
    camera = PiCamera(spec, settings.camera) if chosen.kind == "pi" else UsbCamera(spec, settings.camera, chosen.device)
    for sentence in camera.granted.differs:
        print(f"the camera: {sentence}", file=sys.stderr)
    warnings = (
        not_for_real_rooms(wheel.model),
        not_for_this_car(wheel.model, calibration),
        turns_unknown(wheel.model, calibration),
    )
    for warning in filter(None, warnings):
        print(warning, file=sys.stderr)
    place = RealPlace(camera.granted)
    nothing = NoDrivetrain(camera.clock_ns)
    try:
        vehicle = _vehicle(
            wheel,
            settings,
            folder,
            options,
            camera,
            nothing,
            place,
            wires=wires,
            realtime=True,
            calibration=calibration,
        )
    except UserError:
        camera.shutdown()
        raise
    _tell(_drive(vehicle, Logbook(place, _label(place, wires)), wheel, folder))


def _label(place: Place, wires: Wires | None) -> str:
    return LABELS[type(place)][wires.kind if wires else None]


def _drive(vehicle: Vehicle, logbook: Logbook, wheel: Wheel, folder: Path) -> Path | None:
    """Drive to the end, a failure too, then leave what the logbook has; returns where. Raises UserError."""
    vehicle.add(logbook, ["cam/image_array", "cam/t_capture_ns", "drivetrain/t_command_ns", "steering"])
    try:
        vehicle.drive()
    except PartFailed:
        with contextlib.suppress(StorageError):  # what failed first is what the driver must know
            logbook.leave(folder / DRIVES, wheel.model)
        raise
    if wheel.follower:
        wheel.follower.ended()
    return logbook.leave(folder / DRIVES, wheel.model)


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
    wheel: Wheel,
    settings: Settings,
    folder: Path,
    options: PeopleOptions,
    camera: Camera,
    drivetrain: SimulatedDrivetrain | NoDrivetrain,
    place: Place,
    *,
    wires: Wires | None,
    realtime: bool,
    calibration: CarCalibration | None = None,
) -> Vehicle:
    """drivetrain: the one without wires. calibration: of the car that the policy is to steer, where it is a real one.
    Raises UserError, and leaves nobody at the servos then."""
    wired = _wired(wires, folder, settings, camera) if wires else None
    try:
        seen = Seen(
            _label(place, wires),
            camera,
            (lambda: wired.pulse_ms) if wired else lambda: None,
            place if isinstance(place, SimulatedCar) else None,
            wheel.channel,
        )
        others = _others(wheel, settings, folder, options, place, seen, wires=wires, realtime=realtime)
    except UserError:
        if wired:
            wired.shutdown()
        raise
    if wired:
        wheel.handover.trips = lambda: wired.trips
    drive, spec = settings.drive, wheel.model.contract.observation
    table = parts_table(
        camera=camera,
        preprocessing=Preprocessing(spec),
        policy=Policy(wheel.handover, options.constant_throttle, calibration.vehicle if calibration else None),
        driver_mode=DriverMode(drive.throttle_multiplier),
        governor=Governor(Limits(drive.throttle_cap, drive.oldest_frame_s, drive.throttle_slew_per_s), camera.clock_ns),
        drivetrain=wired or drivetrain,
        display=Display(
            _label(place, wires),
            place,
            camera,
            others.words,
            pictures=realtime and sys.stdout.isatty(),
            code=others.far_link,
        ),
        **others.parts,
    )
    armed = wires is None or wires.armed  # a simulated car hurts nobody
    vehicle = Vehicle(
        table, {"user/mode": drive.mode, "user/armed": armed, "user/stop": False, "recording": options.record}
    )
    if wheel.follower:
        vehicle.add(wheel.follower, threaded=True)
    return vehicle


def _others(
    wheel: Wheel,
    settings: Settings,
    folder: Path,
    options: PeopleOptions,
    place: Place,
    seen: Seen,
    *,
    wires: Wires | None,
    realtime: bool,
) -> People:
    """Who takes part: nobody where a recording is shown and nothing moves. Raises UserError."""
    if wires is None and isinstance(place, TubCamera):
        return People({}, "")
    simulated = not isinstance(place, RealPlace) and (wires is None or wires.kind == "simchip")
    return people(folder, settings, wheel.handover, options, seen, simulated=simulated, realtime=realtime)


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
