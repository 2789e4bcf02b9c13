"""`manage.py calibrate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.options import DEFAULT_CAR, CarOption

calibrate = typer.Typer(help="Measure the car once: its servo, its motor controller.", no_args_is_help=True)

WiresOption = Annotated[
    Literal["simchip", "pca9685"], typer.Option("--drivetrain", help="The servo board, or a simulated one.")
]


@calibrate.command("steering")
def calibrate_steering_command(drivetrain: WiresOption = "pca9685", car: CarOption = DEFAULT_CAR) -> None:
    """Find the servo's left, centre and right, in small steps, in the terminal."""
    from car.calibrating import calibrate

    print(f"saved in {calibrate('steering', drivetrain, car)}")


@calibrate.command("throttle")
def calibrate_throttle_command(drivetrain: WiresOption = "pca9685", car: CarOption = DEFAULT_CAR) -> None:
    """Find the motor controller's neutral, forward and reverse, in bursts of half a second, in the terminal."""
    from car.calibrating import calibrate

    print(f"saved in {calibrate('throttle', drivetrain, car)}")


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
