"""`manage.py calibrate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.options import DEFAULT_CAR, CarOption
from errors import UserError

calibrate = typer.Typer(
    help="Measure the car once: servo, motor controller, camera, how it drives, how late it is.", no_args_is_help=True
)

WiresOption = Annotated[
    Literal["simchip", "pca9685"], typer.Option("--drivetrain", help="The servo board, or a simulated one.")
]
PageOption = Annotated[
    bool, typer.Option("--page", help="Ask on a page in the browser, such as a phone's beside the car.")
]
CameraOption = Annotated[
    str | None, typer.Option(metavar="pi|usb[:N]", help="Which camera. Default: pi on a Raspberry Pi.")
]
FromDriveOption = Annotated[
    Path | None, typer.Option("--from-drive", metavar="TUB", help="Instead: from a recording of a person's drive.")
]


@calibrate.command("steering")
def calibrate_steering_command(
    drivetrain: WiresOption = "pca9685", page: PageOption = False, car: CarOption = DEFAULT_CAR
) -> None:
    """Find the servo's left, centre and right, in small steps, in terminal or page."""
    from car.calibrating import calibrate

    print(f"saved in {calibrate('steering', drivetrain, car, page=page)}")


@calibrate.command("throttle")
def calibrate_throttle_command(
    drivetrain: WiresOption = "pca9685", page: PageOption = False, car: CarOption = DEFAULT_CAR
) -> None:
    """Find the motor controller's neutral, forward and reverse, in bursts of half a second, in terminal or page."""
    from car.calibrating import calibrate

    print(f"saved in {calibrate('throttle', drivetrain, car, page=page)}")


@calibrate.command("oscillator")
def calibrate_oscillator_command(
    drivetrain: WiresOption = "pca9685", page: PageOption = False, car: CarOption = DEFAULT_CAR
) -> None:
    """Measure the servo board's clock, if you have a scope, a servo tester or a meter that shows Hz."""
    from car.calibrating import calibrate

    print(f"saved in {calibrate('oscillator', drivetrain, car, page=page)}")


@calibrate.command("board")
def calibrate_board(
    paper: Annotated[Literal["a4", "letter"], typer.Option(help="What the printer has.")] = "a4",
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Make the page to print for calibrate camera."""
    from calibration.board import board_pdf
    from calibration.car_file import path_of
    from storage.files import write_file

    path = path_of(car).with_name(f"board-{paper}.pdf")
    write_file(path, board_pdf(paper))
    print(f"print {path} at 100 %, and glue it to something flat")


@calibrate.command("camera")
def calibrate_camera_command(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Pictures of the board in the hand. Default: take them now."),
    ] = None,
    floor: Annotated[
        Path | None, typer.Option(metavar="PICTURE", help="Of the board on the floor before the car, beside FOLDER.")
    ] = None,
    square_mm: Annotated[
        float, typer.Option(min=5, max=200, help="Side of a printed square: a fifth of the line on the page.")
    ] = 36.0,
    from_drive: FromDriveOption = None,
    fov_deg: Annotated[
        float | None, typer.Option(min=30, max=180, help="With --from-drive: the lens's, where it was never measured.")
    ] = None,
    camera: CameraOption = None,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Measure the lens by a printed board (calibrate board), and by it on the floor the camera's height and tilt."""
    if from_drive and (folder or floor):
        raise UserError("--from-drive looks at a recording, FOLDER and --floor at the board; give one of them")
    if fov_deg is not None and not from_drive:
        raise UserError("--fov-deg is for --from-drive; pictures of the board tell it themselves")
    from car import calibrating

    if from_drive:
        saved = calibrating.pose_from_drive(car, from_drive, fov_deg)
    elif folder or floor:
        saved = calibrating.camera_from_files(car, folder, floor, square_mm / 1000)
    else:
        saved = calibrating.calibrate_camera(car, calibrating.real_camera(car, camera), square_mm / 1000)
    print(f"saved in {saved}")


@calibrate.command("vehicle")
def calibrate_vehicle_command(
    drivetrain: WiresOption = "pca9685", page: PageOption = False, car: CarOption = DEFAULT_CAR
) -> None:
    """Measure wheelbase, speed and turning circles with a tape; the car drives short stretches on the floor."""
    from car.calibrating import calibrate

    print(f"saved in {calibrate('vehicle', drivetrain, car, page=page)}")


@calibrate.command("latency")
def calibrate_latency_command(
    from_drive: FromDriveOption = None,
    camera: CameraOption = None,
    drivetrain: WiresOption = "pca9685",
    page: PageOption = False,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Measure how long after a command the picture turns; the car goes round on the floor for 16 seconds."""
    from car import calibrating

    if from_drive and page:
        raise UserError("--from-drive asks nothing; leave out --page")
    if from_drive:
        saved = calibrating.latency_from_drive(car, from_drive)
    else:
        saved = calibrating.measure_latency(drivetrain, car, calibrating.real_camera(car, camera), page=page)
    print(f"saved in {saved}")


@calibrate.command("import")
def calibrate_import(
    myconfig: Annotated[Path, typer.Argument(help="donkeycar's, like ~/mycar/myconfig.py. It is read, never run.")],
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Take over a donkeycar car's steering and throttle: ticks become microseconds."""
    from calibration.car_file import save_calibration
    from calibration.donkeycar import read_donkeycar

    imported = read_donkeycar(myconfig.expanduser())
    path = save_calibration(car, imported.calibration)
    print(*imported.notes, f"saved in {path}", sep="\n")
