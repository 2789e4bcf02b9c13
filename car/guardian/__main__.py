"""`python -m car.guardian --car FOLDER`: hold the servos of that car. Without systemd, `drive` starts one by itself."""

import argparse
import json
import os
import sys
from pathlib import Path

from car.guardian.chip import ServosTaken
from car.guardian.machine import DEADMAN_NS, Machine
from car.guardian.process import TAKEN, Guardian, say, take_precedence
from car.guardian.pulses import Servos
from car.local_socket import private_folder
from errors import UserError

DEFAULT_CAR = Path(__file__).resolve().parents[2] / "mycar"  # settings.py says the same; importing it takes too long


def main() -> int:
    """Returns the exit code."""
    arguments = _parser().parse_args()
    try:
        servos = _servos(arguments)
        machine = Machine(servos, deadman_ns=arguments.deadman_ms * 1_000_000, calibrating=arguments.calibrating)
        folder = private_folder(arguments.folder or arguments.car / "run")
        guardian = Guardian(folder, arguments.bus or str(servos.bus), servos, machine, one_driver=arguments.one_driver)
    except UserError as error:
        _tell_starter(arguments.ready_fd, str(error))
        return TAKEN if isinstance(error, ServosTaken) else 1
    take_precedence()
    _tell_starter(arguments.ready_fd, "")
    return guardian.run()


def _servos(arguments: argparse.Namespace) -> Servos:
    """As `drive` read them already, or from the car's file: pydantic takes longer to import than all the rest."""
    if arguments.servos is not None:
        return Servos(**json.loads(arguments.servos))
    from car.servos import load_servos  # noqa: PLC0415

    return load_servos(arguments.car)


def _tell_starter(descriptor: int | None, complaint: str) -> None:
    """To the program that waits for this one; to a person, only what is wrong."""
    if descriptor is None:
        if complaint:
            say(complaint)
        return
    os.write(descriptor, (complaint or "ready").encode())
    os.close(descriptor)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m car.guardian", description=__doc__)
    parser.add_argument("--car", type=Path, default=DEFAULT_CAR, help="the car's own folder, with its calibration")
    parser.add_argument("--folder", type=Path, help="where the socket is; default: run/ in the car's folder")
    parser.add_argument("--bus", help="simchip:FOLDER, or the number N of /dev/i2c-N; default: the calibration's")
    parser.add_argument("--servos", metavar="JSON", help="the calibration, from a program that has read it")
    parser.add_argument("--deadman-ms", type=int, default=DEADMAN_NS // 1_000_000, choices=range(1, 201), metavar="MS")
    parser.add_argument("--calibrating", action="store_true", help="commands are pulses, in bursts")
    parser.add_argument("--one-driver", action="store_true", help="end with the first driving program")
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
