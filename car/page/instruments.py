"""What the page shows of the drive, read at the end of each round: a part that writes nothing."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from car.page.drive_server import DriveServer
from car.page.last_stop import LastStop
from car.page.shared import Measured, Moment

PERIOD_NS = 90_000_000  # between two readings of what changes slowly; a browser hears ten a second


class Camera(Protocol):
    """Any camera: it counts the frames that the loop was too late for."""

    @property
    def overruns(self) -> int: ...


class Instruments:
    """Leaves the server's thread what it may show, and tells it when the pulse is written. Costs the loop some
    microseconds, whoever watches."""

    def __init__(
        self,
        server: DriveServer,
        camera: Camera,
        *,
        pulse_ms: Callable[[], float | None] = lambda: None,
        place: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """pulse_ms: from a frame to the pulse it caused, the newest known, None where there are no servos.
        place: how far and how well the car has driven, as JSON values; empty where nobody knows."""
        self._server, self._shared, self._camera = server, server.shared, camera
        self._pulse_ms, self._place = pulse_ms, place
        self._last_stop = LastStop()
        self._rounds, self._began_ns, self._read_ns = 0, 0, 0

    def run(
        self,
        t_capture_ns: int,
        t_command_ns: int,
        steering: float,
        throttle: float,
        armed: bool,
        stop: bool,
        reason: str,
        guardian: str,
        guardian_reason: str,
        observation: NDArray[np.uint8] | None,
        pilot_steering: float | None,
        pilot_throttle: float | None,
        action: int | None,
        advantages: NDArray[np.float32] | None,
        inference_ms: float | None,
    ) -> None:
        """observation: uint8 (size, size, stack), None where it was not the policy's turn; advantages: (actions,)."""
        if not self._rounds:
            self._began_ns = t_capture_ns
        self._rounds += 1
        latency_ms = self._pulse_ms()
        if latency_ms is None:
            latency_ms = (t_command_ns - t_capture_ns) / 1e6
        t_s = (t_capture_ns - self._began_ns) / 1e9
        self._shared.trace.append(Moment(self._rounds, t_s, steering, throttle, latency_ms))
        held = guardian_reason or (reason if throttle == 0 else "")
        self._last_stop.see(armed, stop, held, self._shared.shown.note, t_capture_ns)
        if observation is not None and self._shared.policy.watched:
            self._shared.policy.show(observation[..., -1])
        if t_capture_ns - self._read_ns >= PERIOD_NS:
            self._read_ns = t_capture_ns
            self._shared.measured = Measured(
                t_capture_ns=t_capture_ns,
                overruns=self._camera.overruns,
                guardian=guardian,
                pilot_steering=pilot_steering,
                pilot_throttle=pilot_throttle,
                action=action,
                advantages=() if advantages is None else tuple(advantages.tolist()),
                inference_ms=inference_ms,
                last_stop=self._last_stop.reason_and_ns,
                place=dict(self._place()),
            )
        self._server.round_over()
