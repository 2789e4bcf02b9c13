"""The simulated camera and drivetrain: the one place where the car's code touches the simulator."""

from collections.abc import Callable

import numpy as np

from car.pace import Pace
from models.contract import ObservationSpec
from sim_bridge.distributions import EVALUATION
from sim_bridge.from_above import track_from_above
from sim_bridge.simulator import Simulator


class SimulatedCar:
    """One car of the embedded simulator, on a track that a seed names. A car that leaves the road is put back."""

    label = "SIMULATED"

    def __init__(self, spec: ObservationSpec, seed: int) -> None:
        self.simulator = Simulator(1, EVALUATION, seed, spec, rgb=True)
        self.period_s = spec.period_s
        self.command = (0.0, 0.0)  # steering, throttle
        self.off_roads = 0
        self.driven_s = 0.0  # simulated time
        self._laps_before = 0

    @property
    def laps(self) -> int:
        """Whole laps driven, over all starts."""
        return self._laps_before + int(self.simulator.state.laps[0])

    @property
    def offset_m(self) -> float:
        """Of the car's centre from the centre line, + left."""
        return float(self.simulator.state.offset_m[0])

    def advance(self) -> np.ndarray:
        """One control period on, under the last command; returns what the camera then sees, RGB uint8 (120, 160, 3)."""
        steering, throttle = self.command
        state = self.simulator.step(np.array([steering]), np.array([throttle]))
        self.driven_s += self.period_s
        if state.off_road[0]:
            self.off_roads += 1
            self._laps_before = self.laps
            self.simulator.restart(0)
        return self.simulator.frame(0)

    def words(self) -> str:
        """How far and how well it has driven."""
        return (
            f"laps {self.laps}  {100 * abs(self.offset_m):.0f} cm from the centre  left the road {self.off_roads} times"
        )

    def second_picture(self, size: int) -> np.ndarray:
        """The track from above, its start and the car, RGB uint8 (size, size, 3); y points up."""
        return track_from_above(self.simulator.worlds[0].track, self.simulator.centre_m()[0], size)


class SimulatedCamera:
    """Blocks until the next frame is due, as a camera does; without realtime, its clock skips the wait instead."""

    def __init__(self, car: SimulatedCar, *, realtime: bool) -> None:
        self._car = car
        self._sequence = -1
        self._pace = Pace(realtime=realtime)
        self.clock_ns = self._pace.clock_ns

    @property
    def overruns(self) -> int:
        """Frames that the loop was too late for."""
        return self._pace.overruns

    def run(self) -> tuple[np.ndarray, int, int]:
        """Frame RGB uint8 (120, 160, 3), time of capture in ns of the clock, sequence number."""
        frame = self._car.advance()
        t_capture_ns = self._pace.wait(self._car.period_s)
        self._sequence += 1
        return frame, t_capture_ns, self._sequence


class SimulatedDrivetrain:
    """Takes the command that the next period is driven under."""

    def __init__(self, car: SimulatedCar, clock_ns: Callable[[], int]) -> None:
        self._car, self._clock_ns = car, clock_ns

    def run(self, steering: float, throttle: float, *_of_the_guardian: object) -> tuple[int, str, str]:
        """Returns when the command was given, in ns of the camera's clock; and that no guardian holds this car."""
        self._car.command = (steering, throttle)
        return self._clock_ns(), "", ""

    def shutdown(self) -> None:
        self._car.command = (0.0, 0.0)
