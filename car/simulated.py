"""The simulated camera and drivetrain: the one place where the car's code touches the simulator, ours or, by wire,
DonkeySim."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from car.driven import Driven
from car.pace import Pace
from models.contract import ObservationSpec
from models.experience import Outcome
from models.observation import grey_view
from sim_bridge.address import address_of
from sim_bridge.distributions import EVALUATION
from sim_bridge.donkeysim.client import Car
from sim_bridge.donkeysim.scenes import SCENES, Road
from sim_bridge.donkeysim.telemetry import Telemetry
from sim_bridge.from_above import track_from_above
from sim_bridge.motion import State
from sim_bridge.reward import laplace
from sim_bridge.simulator import Simulator
from sim_bridge.track_file import read_centre_line

REWARDS = "laplace of sim_bridge/reward.py"
MOST_POINTS = 200  # of a centre line that a browser draws
LAPS_SHOWN = 5  # of the last ones


class SimulatedCar(Driven):
    """One car of the embedded simulator, on a track that a seed or a file names. A car off the road is put back."""

    def __init__(self, spec: ObservationSpec, seed: int, track: Path | None = None, *, crossings: bool = False) -> None:
        """track, crossings: a CSV file, as read_centre_line takes it, which may raise TrackFileError; the seed then
        names the room and the car alone."""
        super().__init__()
        lines = [read_centre_line(track, crossings=crossings)] if track else []
        self.simulator = Simulator(1, EVALUATION, seed, spec, rgb=True, centre_lines=lines)
        self._seed, self._track = seed, track
        self.period_s = spec.period_s
        self.offset_m = float(self.simulator.state.offset_m[0])
        self.outcome = Outcome(0.0, False)  # of the last command

    def advance(self) -> np.ndarray:
        """One control period on, under the last command; returns what the camera then sees, RGB uint8 (120, 160, 3)."""
        steering, throttle = self.command
        state = self.simulator.step(np.array([steering]), np.array([throttle]))
        self._count(self.period_s, float(state.progress_m[0]), float(state.offset_m[0]), int(state.laps[0]), None)
        self.outcome = self._outcome(state)
        if state.off_road[0]:
            self.simulator.restart(0)
            self._put_back(float(self.simulator.state.offset_m[0]))
        return self.simulator.frame(0)

    def _outcome(self, state: State) -> Outcome:
        """As sim_bridge/env.py has it for those who train."""
        infos = {
            "offset_m": float(state.offset_m[0]),
            "speed_m_s": float(state.speed_m_s[0]),
            "driven_m": float(state.driven_m[0]),
            "laps": float(state.laps[0]),
        }
        if state.off_road[0]:
            return Outcome(0.0, True, grey_view(self.simulator.frame(0), self.simulator.spec), infos)
        return Outcome(float(laplace(state)[0]), False, None, infos)

    def second_picture(self, size: int) -> np.ndarray:
        """The track from above, its start and the car, RGB uint8 (size, size, 3); y points up."""
        return self.moment()(size)

    def moment(self) -> Callable[[int], np.ndarray]:
        """Draws `second_picture` as it is now, whenever it is called."""
        return partial(track_from_above, self.simulator.worlds[0].track, self.simulator.centre_m()[0])

    def track(self) -> dict[str, object]:
        """For whoever draws it: points_m, [x, y] of the closed centre line from the start on, and width_m."""
        track = self.simulator.worlds[0].track
        points = track.points[:: -(-len(track.points) // MOST_POINTS)]
        return {"points_m": np.round(points, 2).tolist(), "width_m": round(float(track.width_m), 2)}

    def progress(self) -> dict[str, object]:
        """How far and how well it has driven, as a driver wants to know it now; times are simulated ones."""
        return {
            "laps": self.laps,
            "lap_s": [round(one, 2) for one in self.lap_s[-LAPS_SHOWN:]],
            "best_lap_s": round(min(self.lap_s), 2) if self.lap_s else None,
            "lap_so_far_s": round(self.driven_s - self._lap_began_s, 1),
            "off_roads": self.off_roads,
            "offset_m": round(self.offset_m, 3),
            "position_m": np.round(self.simulator.centre_m()[0], 2).tolist(),
        }

    def figures(self) -> dict[str, object]:
        return {
            "seed": self._seed,
            "track": str(self._track) if self._track else None,
            "track_m": round(self.simulator.worlds[0].track.length_m, 2),
            **super().figures(),
        }


class WireCar(Driven):
    """One car of a DonkeySim, by wire. A car off the road, or one that hit something, is put back."""

    def __init__(self, address: str) -> None:
        """Connects. Raises UserError: it is no address, or nobody is there."""
        super().__init__()
        self._typed, self._address = address, address_of(address)
        self._car = Car(self._address.wheres(1)[0], self._address.scene)
        self._car.connect()
        self.missed = 0  # frames that the simulator made and nobody saw
        self._frame = self._car.reset()

    def advance(self, period_s: float) -> tuple[np.ndarray, float]:
        """Under the last command to the next frame: RGB uint8 (height, width, 3), and the simulated seconds that went
        by since the last one. period_s: which are these where the simulator does not say.

        Raises SimulatorLost, BadTelemetry.
        """
        before = self._frame
        self._car.drive(*self.command)
        frame = self._frame = self._car.frame()
        went_by_s = frame.time_s - before.time_s
        if not 0 < went_by_s < 1:
            went_by_s = period_s
        self.missed += max(0, round(went_by_s / period_s) - 1)
        progress_m, road = frame.velocity_m_s[2] * went_by_s, self._road(frame)
        self._count(went_by_s, progress_m, road.offset_m(frame.cte), self._car.laps, self._car.lap_s)
        if abs(self.offset_m) > road.half_width_m or frame.hit != "none":
            self._frame = self._car.reset()
            self._put_back(self._road(self._frame).offset_m(self._frame.cte))
        return self._frame.rgb(), went_by_s

    def close(self) -> None:
        """The car stands, and its place in the simulator is free."""
        if self._car.connected:
            self._car.drive(0.0, 0.0, 1.0)
        self._car.close()

    def second_picture(self, _size: int) -> None:
        """Nobody here has a map of another simulator's track."""

    def moment(self) -> None:
        """Nor can it be drawn later."""

    def figures(self) -> dict[str, object]:
        return {"simulator": self._typed, **super().figures()}

    def _road(self, frame: Telemetry) -> Road:
        """What was typed, what the simulator says, or what is known of the scene."""
        return self._address.road or frame.road or SCENES[self._address.scene]


class WireCamera:
    """A DonkeySim's camera: the simulator sets the pace. Where its time goes by faster than ours, so does the clock."""

    def __init__(self, car: WireCar, period_s: float) -> None:
        self._car, self._period_s = car, period_s
        self._sequence = -1
        self._skipped_ns = 0
        self._taken_ns = self.clock_ns()

    def clock_ns(self) -> int:
        """The monotonic clock, plus what the simulator was ahead of it: what the car's parts go by."""
        return time.monotonic_ns() + self._skipped_ns

    @property
    def overruns(self) -> int:
        """Frames that the loop was too late for."""
        return self._car.missed

    def run(self) -> tuple[np.ndarray, int, int]:
        """Frame RGB uint8 (height, width, 3), time of capture in ns of the clock, sequence number."""
        frame, went_by_s = self._car.advance(self._period_s)
        self._skipped_ns += max(0, self._taken_ns + int(1e9 * went_by_s) - self.clock_ns())
        self._taken_ns = self.clock_ns()
        self._sequence += 1
        return frame, self._taken_ns, self._sequence

    def shutdown(self) -> None:
        self._car.close()


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

    def __init__(self, car: SimulatedCar | WireCar, clock_ns: Callable[[], int]) -> None:
        self._car, self._clock_ns = car, clock_ns

    def run(
        self, steering: float, throttle: float, _t_capture_ns: int = 0, armed: bool = True, stop: bool = False
    ) -> tuple[int, str, str, bool, bool]:
        """Returns when the command was given, in ns of the camera's clock; that no guardian holds this car; and armed
        and stop as they are."""
        self._car.command = (steering, throttle)
        return self._clock_ns(), "", "", armed, stop

    def shutdown(self) -> None:
        self._car.command = (0.0, 0.0)
