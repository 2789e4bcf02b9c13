"""What calibration moves and looks through: pulses, or steering and throttle, through a guardian; a real camera."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np

from calibration.camera import leave_picture, with_lens_drawn, with_pose_drawn
from calibration.car_file import CalibrationError, CarCalibration, Section, known_or_nominal, save_calibration
from calibration.horizon import draw_horizon, find_horizon, with_horizon
from calibration.image_motion import turning
from calibration.latency import Weave, calibrate_latency, weave_of, with_latency
from calibration.oscillator import calibrate_oscillator
from calibration.photos import read_photo, read_photos, take_floor_photo, take_photos
from calibration.steering import calibrate_steering
from calibration.terminal import PulseDrivetrain, Terminal
from calibration.throttle import calibrate_throttle
from calibration.vehicle import calibrate_vehicle
from car.drivetrain import open_drivetrain, wanted_guardian
from car.guardian.keeper import find_or_start
from car.guardian.messages import Command, Kind, State, Status
from car.hardware import CameraChoice, choose_camera, hardware, serial_number
from car.person import AtTerminal, Person, at_page
from car.pi_camera import PiCamera
from car.usb_camera import UsbCamera
from errors import UserError
from models.contract import ObservationSpec
from settings import DriveSettings, Settings, load_settings
from storage.tub import Tub

AnyCamera = PiCamera | UsbCamera
OnStand = Literal["steering", "throttle", "oscillator"]
OnFloor = Literal["vehicle"]
ON_STAND: dict[OnStand, Callable[[CarCalibration, PulseDrivetrain, Terminal], CarCalibration]] = {
    "steering": calibrate_steering,
    "throttle": calibrate_throttle,
    "oscillator": calibrate_oscillator,
}
PHOTO = ObservationSpec(frame_width=640, frame_height=480, crop_top=160)  # of the board: finer than a drive's frames
PERIOD_S = 0.02
HOLD_S = 0.3  # a servo needs about so long from end to end, and stays there when nothing more is said
BURST_S = 0.4  # the guardian ends a burst after 0.5 s in any case
BRAKE_S = 0.15
ROLLS_OUT_S = 1.0
UNWATCHED = "the page was closed, or silent for half a second: the car was stopped, and nothing was saved"


class PulsesToGuardian:
    """calibration.terminal.PulseDrivetrain. Neutral when the block ends, however it does."""

    def __init__(
        self, kind: Literal["simchip", "pca9685"], car: Path, calibration: CarCalibration, person: Person
    ) -> None:
        """Raises ServosTaken where something drives, UserError."""
        wanted = dataclasses.replace(wanted_guardian(kind, car, 0.2, uncalibrated=True), calibrating=True)
        self._client, self._keeper = find_or_start(wanted)
        self._person = person
        self._steering_us = calibration.steering.centre_us
        self._neutral_us = calibration.throttle.neutral_us
        if self._keeper is None:
            self._client.close()
            raise UserError(f"a guardian runs in {wanted.folder} already; stop its service first (systemctl stop ...)")

    def hold(self, steering_us: float) -> None:
        self._steering_us = steering_us
        self._arm()
        self._send_for(self._neutral_us, HOLD_S)

    def burst(self, throttle_us: float, *, brake_first: bool = False) -> None:
        self._arm()
        if brake_first and throttle_us != self._neutral_us:
            self._send_for(throttle_us, BRAKE_S)
            self._send_for(self._neutral_us, BRAKE_S)
        self._send_for(throttle_us, BURST_S)
        self._send_for(self._neutral_us, PERIOD_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self._client.close()  # which is neutral
        assert self._keeper is not None  # noqa: S101 - see __init__
        self._keeper.close()

    def _arm(self) -> None:
        """A person was asked since the last pulse: the guardian has disarmed, or soon would."""
        for armed in (False, True):
            self._send(self._neutral_us, armed)

    def _send_for(self, throttle_us: float, duration_s: float) -> None:
        end_s, there = time.monotonic() + duration_s, True
        while True:
            there = self._person.still_there() and there  # who comes back does not find it turning again
            status = self._send(throttle_us if there else self._neutral_us, armed=True)
            if status.state is State.FAILED:
                raise UserError(status.reason)
            if time.monotonic() >= end_s:
                return
            time.sleep(PERIOD_S)

    def _send(self, throttle_us: float, armed: bool) -> Status:
        command = Command(self._steering_us, throttle_us, armed, False, time.monotonic_ns(), kind=Kind.PULSES)
        self._client.send(command)
        return self._client.wait(1.0)


class FloorToGuardian:
    """calibration.vehicle.FloorDrivetrain and calibration.latency.WeavingDrivetrain: steering and throttle through the
    guardian, as in a drive. Neutral when the block ends, however it does."""

    def __init__(
        self,
        kind: Literal["simchip", "pca9685"],
        car: Path,
        drive: DriveSettings,
        camera: AnyCamera | None,
        person: Person,
    ) -> None:
        """camera: to weave with; its clock then counts. Raises ServosTaken, CalibrationError, UserError."""
        self.cap, self._camera, self._person = drive.throttle_cap, camera, person
        self._clock_ns = camera.clock_ns if camera else time.monotonic_ns
        self._drivetrain = open_drivetrain(kind, car, drive.oldest_frame_s, self._clock_ns)

    def drive(self, steering: float, throttle: float, duration_s: float) -> None:
        self._arm(steering)
        self._send_for(steering, min(throttle, self.cap), duration_s)
        self._send_for(steering, 0.0, ROLLS_OUT_S)

    def weave(self, plan: Sequence[tuple[float, float]]) -> Weave:
        if self._camera is None:
            raise UserError("weaving needs a camera")
        self._arm(0.0)
        ends_s, wanted = np.cumsum([duration_s for duration_s, _ in plan]), [steering for _, steering in plan]
        frames, frame_ns, command_ns, steering = [], [], [], []
        _, began_ns, _ = self._camera.run()
        while True:
            frame, t_capture_ns, _ = self._camera.run()
            at = int(np.searchsorted(ends_s, (t_capture_ns - began_ns) / 1e9, side="right"))
            if at == len(plan):
                break
            sent_ns = self._send(wanted[at], self.cap, t_capture_ns)
            frames.append(frame.copy())  # the camera may use its memory again
            frame_ns.append(t_capture_ns)
            command_ns.append(sent_ns)
            steering.append(wanted[at])
        self._send_for(0.0, 0.0, ROLLS_OUT_S)
        frame_s, command_s = np.array(frame_ns) / 1e9, np.array(command_ns) / 1e9
        late_s = float(np.mean(command_s - frame_s))
        return Weave(command_s, np.array(steering), frame_s, turning(frames), (slice(0, len(frames)),), late_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self._drivetrain.shutdown()

    def _arm(self, steering: float) -> None:
        """The wheels go there before the car does."""
        self._drivetrain.run(steering, 0.0, self._clock_ns(), False, False)
        time.sleep(PERIOD_S)
        self._send_for(steering, 0.0, HOLD_S)

    def _send_for(self, steering: float, throttle: float, duration_s: float) -> None:
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            self._send(steering, throttle, self._clock_ns())
            time.sleep(PERIOD_S)

    def _send(self, steering: float, throttle: float, t_capture_ns: int) -> int:
        """Returns when the command was given, in ns of the clock. Raises UserError where the guardian took it back,
        CalibrationError where nobody watches a car that drives."""
        if not self._person.still_there() and throttle != 0:
            raise CalibrationError(UNWATCHED)
        t_command_ns, state, reason, armed, _ = self._drivetrain.run(steering, throttle, t_capture_ns, True, False)
        if not armed:
            raise UserError(f"stopped ({state}): {reason}; nothing was saved")
        return t_command_ns


def calibrate(what: OnStand | OnFloor, kind: Literal["simchip", "pca9685"], car: Path, *, page: bool) -> Path:
    """`manage.py calibrate steering`, `throttle`, `oscillator` or `vehicle`; page: there, else in the terminal. Returns
    the file that was written.

    Raises CalibrationError when the person gives up, ServosTaken, StorageError, UserError.
    """
    before = known_or_nominal(car, serial_number())
    with _person(what, kind, car, page=page) as person:
        if what == "vehicle":
            with FloorToGuardian(kind, car, load_settings(car).drive, None, person) as floor:
                after = calibrate_vehicle(before, floor, person.terminal)
        else:
            with PulsesToGuardian(kind, car, before, person) as stand:
                after = ON_STAND[what](before, stand, person.terminal)
        return _save(car, after, "chip" if what == "oscillator" else what, person)


def measure_latency(kind: Literal["simchip", "pca9685"], car: Path, chosen: CameraChoice, *, page: bool) -> Path:
    """`manage.py calibrate latency`, live. Returns the file that was written. Raises as `calibrate`; CameraError."""
    before, settings = known_or_nominal(car, serial_number()), load_settings(car)
    with (
        _person("latency", kind, car, page=page) as person,
        contextlib.closing(_Closing(open_camera(chosen, ObservationSpec(), settings))) as opened,
        FloorToGuardian(kind, car, settings.drive, opened.camera, person) as floor,
    ):
        return _save(car, calibrate_latency(before, floor, person.terminal), "latency", person)


def _person(
    what: str, kind: Literal["simchip", "pca9685"], car: Path, *, page: bool
) -> contextlib.AbstractContextManager[Person]:
    return at_page(car, what, simulated=kind == "simchip") if page else contextlib.nullcontext(AtTerminal())


def _save(car: Path, after: CarCalibration, section: Section, person: Person) -> Path:
    person.still_there()  # a STOP in the last moment counts
    saved = save_calibration(car, after)
    person.show(saved, getattr(after, section))
    return saved


def calibrate_camera(car: Path, chosen: CameraChoice, square_m: float) -> Path:
    """`manage.py calibrate camera`, live: the lens is saved before the board is laid on the floor. Returns the file
    that was written. Raises CalibrationError when the person gives up, CameraError, StorageError."""
    before, terminal = known_or_nominal(car, serial_number()), AtTerminal().terminal
    with contextlib.closing(_Closing(open_camera(chosen, PHOTO, load_settings(car)))) as opened:
        photos = take_photos(opened.camera, terminal)
        save_calibration(car, with_lens_drawn(car, before, photos, "calibrate camera", terminal.say))
        while True:
            floor = take_floor_photo(opened.camera, terminal)
            try:
                known = known_or_nominal(car, serial_number())
                return save_calibration(
                    car, with_pose_drawn(car, known, floor, square_m, "calibrate camera", terminal.say)
                )
            except CalibrationError as error:
                terminal.say(f"  {error}")


def camera_from_files(car: Path, folder: Path | None, floor: Path | None, square_m: float) -> Path:
    """`manage.py calibrate camera FOLDER --floor PICTURE`, either of them alone too: all that was asked for is found,
    or nothing is saved. Returns the file that was written. Raises CalibrationError, StorageError."""
    calibration = known_or_nominal(car, serial_number())
    if folder is not None:
        photos = read_photos(folder)
        calibration = with_lens_drawn(car, calibration, photos, "calibrate camera FOLDER", print)
    if floor is not None:
        photo = read_photo(floor)
        calibration = with_pose_drawn(car, calibration, photo, square_m, "calibrate camera --floor", print)
    return save_calibration(car, calibration)


def pose_from_drive(car: Path, tub: Path, fov_deg: float | None) -> Path:
    """`manage.py calibrate camera --from-drive`. Returns the file that was written. Raises CalibrationError, TubError,
    ScoreError, StorageError."""
    before, drive = known_or_nominal(car, serial_number()), Tub(tub)
    horizon = find_horizon(drive)
    after = with_horizon(before, horizon, fov_deg)
    assert after.pose is not None  # noqa: S101 - with_horizon has found it
    _, frame = next(drive.images())
    drawn = leave_picture(car, "horizon.png", draw_horizon(frame, horizon))
    print(
        f"the camera looks down by {after.pose.pitch_deg:.1f} ± {after.pose.pitch_uncertainty_deg:g} degrees; the "
        f"horizon, by {horizon.points} points, is drawn in {drawn}"
    )
    return save_calibration(car, after)


def latency_from_drive(car: Path, tub: Path) -> Path:
    """`manage.py calibrate latency --from-drive`. Returns the file that was written. Raises as pose_from_drive."""
    before, weave = known_or_nominal(car, serial_number()), weave_of(Tub(tub))
    after = with_latency(before, weave, "calibrate latency --from-drive")
    assert after.latency is not None  # noqa: S101 - with_latency has found it
    late = after.latency
    period_s = float(np.median(np.diff(weave.frame_s)))
    print(
        f"the picture follows the commands (correlation {late.correlation:.2f}) after {late.latency_s:.3f} ± "
        f"{late.latency_uncertainty_s:.3f} s, then lags by {late.servo_lag_s:.2f} s: "
        f"{(late.latency_s + late.servo_lag_s) / period_s:.1f} frames"
    )
    return save_calibration(car, after)


def real_camera(car: Path, typed: str | None) -> CameraChoice:
    """typed: as drive's --camera. Raises UserError."""
    return choose_camera(typed, hardware(load_settings(car)), sim=False)


def open_camera(chosen: CameraChoice, spec: ObservationSpec, settings: Settings) -> AnyCamera:
    """Raises CameraError where it is missing, UserError where it is none that sees the real world."""
    if chosen.kind == "pi":
        return PiCamera(spec, settings.camera)
    if chosen.kind == "usb":
        return UsbCamera(spec, settings.camera, chosen.device)
    raise UserError(
        "this measures a real camera; name one with --camera pi or usb, or measure from files: --help says how"
    )


class _Closing:
    """A camera for contextlib.closing."""

    def __init__(self, camera: AnyCamera) -> None:
        self.camera = camera

    def close(self) -> None:
        self.camera.shutdown()
