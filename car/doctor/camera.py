"""The camera, opened as a drive would open it, and what it grants."""

from car.camera import CameraError
from car.doctor.line import Line, ok
from car.hardware import CameraChoice
from car.pi_camera import PiCamera
from car.usb_camera import UsbCamera
from models.contract import ObservationSpec
from settings import CameraSettings


def camera(chosen: CameraChoice, spec: ObservationSpec, settings: CameraSettings) -> Line:
    """Sensor, mode, field of view, size and rate."""
    if chosen.kind == "sim":
        return ok("camera", "simulated")
    if chosen.kind == "tub":
        return ok("camera", f"the recording {chosen.tub}")
    try:
        if chosen.kind == "pi":
            part: PiCamera | UsbCamera = PiCamera(spec, settings)
        else:
            part = UsbCamera(spec, settings, chosen.device)
    except CameraError as error:
        what, _, remedy = str(error).partition("; ")
        return Line("camera", "fail", what, remedy or "check its cable")
    part.shutdown()
    if part.granted.differs:
        remedy = "it drives so; another rate_hz in [camera] of settings.toml, or another camera, may do better"
        return Line("camera", "warn", f"{part.granted.words()}; {'; '.join(part.granted.differs)}", remedy)
    return ok("camera", part.granted.words())
