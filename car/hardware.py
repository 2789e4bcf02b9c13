"""Real or simulated is never a guess: what this machine is, and what was typed, decide; nothing falls back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from errors import UserError
from settings import Settings

Hardware = Literal["pi", "sim"]
DrivetrainKind = Literal["sim", "simchip", "pca9685"]


@dataclass(frozen=True)
class CameraChoice:
    """Which camera the loop is paced by."""

    kind: Literal["pi", "usb", "sim", "tub"]
    device: int = 0  # usb: N of /dev/videoN
    tub: Path = Path()  # tub: the recording


def device_tree_model(root: Path = Path("/")) -> str:
    """What the board calls itself, '' where nothing says so. root: where / is; tests have another."""
    try:
        return (root / "proc/device-tree/model").read_bytes().rstrip(b"\0\n").decode(errors="replace")
    except OSError:
        return ""


def serial_number(root: Path = Path("/")) -> str:
    """Of a Raspberry Pi, which tells one car from another; '' where there is none. root: as in device_tree_model."""
    try:
        return (root / "proc/device-tree/serial-number").read_bytes().rstrip(b"\0\n").decode("ascii", errors="ignore")
    except OSError:
        return ""


def hardware(settings: Settings, root: Path = Path("/")) -> Hardware:
    """pi: a real camera and servos. The settings' word, else a Raspberry Pi is one, and nothing else is."""
    if settings.hardware != "auto":
        return settings.hardware
    return "pi" if device_tree_model(root).startswith("Raspberry Pi") else "sim"


def choose_camera(typed: str | None, kind: Hardware, *, sim: bool) -> CameraChoice:
    """typed: what --camera says; None: the hardware's own. sim: --sim was typed. Raises UserError for another word."""
    if sim:
        if typed not in (None, "sim"):
            raise UserError(f"--sim simulates the camera, too; leave out --camera {typed}, or --sim")
        return CameraChoice("sim")
    name, colon, rest = (typed or kind).partition(":")
    if name == "pi" and not colon:
        return CameraChoice("pi")
    if name == "sim" and not colon:
        return CameraChoice("sim")
    if name == "usb" and (not colon or rest.isdecimal()):
        return CameraChoice("usb", device=int(rest or 0))
    if name == "tub" and rest:
        return CameraChoice("tub", tub=Path(rest).expanduser())
    raise UserError(f"there is no camera {typed!r}; there are pi, usb, usb:N, sim and tub:PATH")


def choose_drivetrain(
    typed: DrivetrainKind | None, camera: CameraChoice, kind: Hardware, *, sim: bool
) -> DrivetrainKind:
    """What the commands go to; sim: to nothing but the simulated car. typed: what --drivetrain says; None: a real
    camera on a real car has real servos, and nothing else has. Raises UserError for --sim with real servos."""
    if sim and typed == "pca9685":
        raise UserError("--sim simulates the servos, too; leave out --drivetrain pca9685, or --sim")
    if typed is not None:
        return typed
    return "pca9685" if kind == "pi" and camera.kind in ("pi", "usb") else "sim"
