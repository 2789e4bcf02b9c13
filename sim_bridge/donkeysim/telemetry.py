"""What a simulator tells of a car, 20 times a second, as a client takes it in."""

import base64
import binascii
from dataclasses import dataclass

import cv2
import numpy as np

from sim_bridge.donkeysim.framing import Message
from sim_bridge.donkeysim.messages import number
from sim_bridge.donkeysim.scenes import Road

MOST_PIXELS = 512 * 512  # of a picture: what the protocol allows to ask for
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_TGA_HEADER = 18


class BadTelemetry(ValueError):
    """A frame that cannot be used: its picture or a number of it is broken or missing."""


@dataclass(frozen=True)
class Telemetry:
    """One frame. Metres and seconds but for cte; the car's own frame is x right, y up, z forward."""

    picture: bytes  # a whole JPEG, PNG or TGA file
    picture_b: bytes | None  # of the second camera
    time_s: float  # of the simulator, since its scene was loaded
    cte: float  # units, + right of the path
    road: Road | None  # our own server tells it, DonkeySim does not
    commands: int | None  # received before this frame was taken, over this connection; likewise
    speed_m_s: float
    velocity_m_s: tuple[float, float, float]  # car frame; speed forward where a simulator does not say
    position_m: tuple[float, float, float]  # Unity's axes: x right, y up, z forward
    accel_m_s2: tuple[float, float, float]
    gyro_rad_s: tuple[float, float, float]
    angles_deg: tuple[float, float, float]  # roll, pitch, yaw
    hit: str  # "none", or what was hit
    lidar: list[tuple[float, float, float]] | None  # distance in units, rx and ry in degrees

    def luma(self) -> np.ndarray:
        """The picture in grey, uint8 (height, width): full-range BT.601, a JPEG's own Y. Raises BadTelemetry."""
        return _decoded(self.picture, cv2.IMREAD_GRAYSCALE)

    def rgb(self) -> np.ndarray:
        """The picture, uint8 (height, width, 3). Raises BadTelemetry."""
        return _decoded(self.picture, cv2.IMREAD_COLOR)

    def rgb_b(self) -> np.ndarray | None:
        """The second camera's. Raises BadTelemetry."""
        return None if self.picture_b is None else _decoded(self.picture_b, cv2.IMREAD_COLOR)


def read(message: Message) -> Telemetry:
    """Raises BadTelemetry."""
    try:
        speed = number(message, "speed", 0.0)
        second = message.get("image_b", message.get("imageb"))  # what gym-donkeycar reads, and what DonkeySim writes
        return Telemetry(
            picture=_bytes(message.get("image")),
            picture_b=None if second is None else _bytes(second),
            time_s=number(message, "time", 0.0),
            cte=number(message, "cte", 0.0),
            road=_road(message),
            commands=int(number(message, "commands")) if "commands" in message else None,
            speed_m_s=speed,
            velocity_m_s=_three(message, "vel_") if "vel_z" in message else (0.0, 0.0, speed),
            position_m=_three(message, "pos_"),
            accel_m_s2=_three(message, "accel_"),
            gyro_rad_s=_three(message, "gyro_"),
            angles_deg=(number(message, "roll", 0.0), number(message, "pitch", 0.0), number(message, "yaw", 0.0)),
            hit=str(message.get("hit", "none"))[:64],
            lidar=_rays(message["lidar"]) if "lidar" in message else None,
        )
    except (ValueError, binascii.Error) as error:
        raise BadTelemetry(str(error)) from error


def _road(message: Message) -> Road | None:
    if "road_half_width" not in message:
        return None
    road = Road(number(message, "road_middle"), number(message, "road_half_width"))
    if road.half_width <= 0:
        raise ValueError("its road has no width")
    return road


def _three(message: Message, name: str) -> tuple[float, float, float]:
    return number(message, f"{name}x", 0.0), number(message, f"{name}y", 0.0), number(message, f"{name}z", 0.0)


def _bytes(picture: object) -> bytes:
    if not isinstance(picture, str) or not picture:
        raise ValueError("it has no picture")
    found = base64.b64decode(picture)
    if not found:
        raise ValueError("its picture is empty")
    return found


def _rays(lidar: object) -> list[tuple[float, float, float]]:
    """None at all is written as null."""
    if lidar is None:
        return []
    if not isinstance(lidar, list) or not all(isinstance(ray, dict) for ray in lidar):
        raise ValueError("its lidar is no list of rays")
    return [(number(ray, "d"), number(ray, "rx"), number(ray, "ry")) for ray in lidar]


def _size(picture: bytes) -> tuple[int, int]:
    """Width and height by a picture's header, before anything is made of that size. Raises BadTelemetry."""
    if picture.startswith(_PNG) and len(picture) > 24:
        return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
    if picture.startswith(_JPEG):
        at = 2
        while at + 9 < len(picture) and picture[at] == 0xFF:
            if 0xC0 <= picture[at + 1] <= 0xCF and picture[at + 1] not in (0xC4, 0xC8, 0xCC):
                return int.from_bytes(picture[at + 7 : at + 9], "big"), int.from_bytes(picture[at + 5 : at + 7], "big")
            at += 2 + int.from_bytes(picture[at + 2 : at + 4], "big")
    raise BadTelemetry("its picture is neither JPEG nor PNG nor TGA")


def _decoded(picture: bytes, flags: int) -> np.ndarray:
    tga = _tga(picture)
    if tga is not None:
        return tga if flags == cv2.IMREAD_COLOR else cv2.cvtColor(tga, cv2.COLOR_RGB2GRAY)
    width, height = _size(picture)
    if not 0 < width * height <= MOST_PIXELS:
        raise BadTelemetry(f"its picture is of {width} x {height} pixels")
    try:
        found = cv2.imdecode(np.frombuffer(picture, np.uint8), flags)
    except cv2.error as error:
        raise BadTelemetry("its picture is broken") from error
    if found is None:
        raise BadTelemetry("its picture is broken")
    return cv2.cvtColor(found, cv2.COLOR_BGR2RGB) if found.ndim == 3 else found


def _tga(picture: bytes) -> np.ndarray | None:
    """An uncompressed TGA of 24 or 32 bits, as Unity writes them, uint8 (height, width, 3) RGB; None for anything else.
    Truevision TGA File Format Specification 2.0, header of 18 bytes; rows from the bottom unless bit 5 of byte 17."""
    if len(picture) < _TGA_HEADER or picture[1] != 0 or picture[2] != 2 or picture[16] not in (24, 32):
        return None
    width, height = int.from_bytes(picture[12:14], "little"), int.from_bytes(picture[14:16], "little")
    channels, begin = picture[16] // 8, _TGA_HEADER + picture[0]
    size = width * height * channels
    if not 0 < width * height <= MOST_PIXELS or len(picture) < begin + size:
        raise BadTelemetry("its TGA picture is broken")
    rows = np.frombuffer(picture, np.uint8, size, begin).reshape(height, width, channels)[:, :, 2::-1]
    return np.ascontiguousarray(rows if picture[17] & 0x20 else rows[::-1])
