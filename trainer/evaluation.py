"""Closed loop: how many tracks a policy finishes on worlds it never saw. Needs no TensorFlow, so a car can run it too.

The default evaluation is sim_bridge/distributions.py's EVALUATION table: roads 0.4 to 0.8 m wide, bends down to 0.7 m
radius, 1.0 to 1.5 m/s, 50 ms latency and servo lag, random start pose. Off the road means: the car's centre is beyond
the edge line. A track is finished when all its laps were driven without that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from models.arc import same_arc
from models.contract import Contract
from models.decision import Decisions, decide
from models.observation import FrameStack, shrink
from sim_bridge.distributions import EVALUATION
from sim_bridge.pursuit import pure_pursuit
from sim_bridge.rollout import SCALE, rolled_out_values
from sim_bridge.scene import Table
from sim_bridge.simulator import Simulator
from sim_bridge.track import CentreLine, Track

SLOWEST_M_S = 0.5  # a car slower than this on average is given up

# What chooses: (observations uint8 (k, size, size, stack), the k cars' numbers, the simulator) -> decisions for the k
Chooser = Callable[[np.ndarray, np.ndarray, Simulator], Decisions]


@dataclass(frozen=True)
class Path:
    """Where one car went. centre_m: float64 (steps, 2), the car's centre; offset_m: float64 (steps,), + left."""

    track: Track
    centre_m: np.ndarray
    offset_m: np.ndarray


@dataclass(frozen=True)
class TrackResult:
    """One car on one track."""

    finished: bool
    off_road: bool
    driven_m: float
    mean_offset_m: float  # distance of the car's centre from the centre line, over all steps on the road
    worst_offset_m: float
    lap_s: float | None  # mean over the laps; None where the track was not finished
    path: Path | None = field(default=None, compare=False, repr=False)  # where it was asked for


@dataclass(frozen=True)
class Summary:
    """Many cars on as many tracks."""

    tracks: int
    finished: int
    off_road: int
    mean_offset_m: float
    worst_offset_m: float
    lap_s: float | None
    results: list[TrackResult]

    @property
    def finished_share(self) -> float:
        return self.finished / self.tracks

    def as_json(self) -> dict[str, object]:
        """Everything but the paths."""
        fields = asdict(replace(self, results=[replace(result, path=None) for result in self.results]))
        for result in fields["results"]:
            del result["path"]
        return fields | {"finished_share": self.finished_share}


def summarise(results: list[TrackResult]) -> Summary:
    laps_s = [result.lap_s for result in results if result.lap_s is not None]
    return Summary(
        tracks=len(results),
        finished=sum(result.finished for result in results),
        off_road=sum(result.off_road for result in results),
        mean_offset_m=float(np.mean([result.mean_offset_m for result in results])),
        worst_offset_m=max(result.worst_offset_m for result in results),
        lap_s=float(np.mean(laps_s)) if laps_s else None,
        results=results,
    )


def drive_tracks(
    choose: Chooser,
    contract: Contract,
    tracks: int,
    laps: int,
    seed: int,
    table: Table = EVALUATION,
    first_track: int = 0,
    paths: bool = False,
    centre_lines: Sequence[CentreLine] = (),
    tick: Callable[[int], None] = lambda stopped: None,
    looks: bool = True,
) -> list[TrackResult]:
    """Drive `tracks` cars, each on a track of its own, for `laps` laps each; the same seed gives the same tracks.

    centre_lines: instead of random tracks, in turn; rooms and cars stay those of the seed.
    paths: put into each result where the car went. looks: False where what chooses needs no pictures, as the teacher:
    none are drawn, and the observations are black. tick is called after each step with the number of cars that have
    stopped, for progress bars.
    """
    spec, period_s = contract.observation, contract.observation.period_s
    simulator = Simulator(
        tracks, table, (EVALUATION_WORLDS, seed), spec, first_car=first_track, centre_lines=centre_lines
    )
    stacks = [FrameStack(spec) for _ in range(tracks)]
    length_m = np.array([world.track.length_m for world in simulator.worlds])
    most_steps = np.ceil(laps * length_m / SLOWEST_M_S / period_s).astype(int)
    active = np.ones(tracks, bool)
    finished, off_road = np.zeros((2, tracks), bool)
    steps, offset_sum_m, worst_m, driven_m = np.zeros((4, tracks))
    steering, throttle = np.zeros((2, tracks))
    places = []  # of all cars after each step, where paths are asked for: x and y of the centre, offset
    while active.any():
        cars = np.flatnonzero(active)
        observations = np.zeros((len(cars), *spec.shape), np.uint8)
        if looks:
            observations = np.stack([stacks[car].push(shrink(simulator.road(car), spec)) for car in cars])
        decided = choose(observations, cars, simulator)
        steering[cars], throttle[cars] = decided.steering, decided.throttle
        state = simulator.step(steering, throttle)
        if paths:
            places.append(np.column_stack([simulator.centre_m(), state.offset_m]))
        steps[cars] += 1
        offset_m = np.abs(state.offset_m[cars])
        offset_sum_m[cars] += offset_m
        worst_m[cars] = np.maximum(worst_m[cars], offset_m)
        driven_m[cars] = state.driven_m[cars]
        off_road[cars] = state.off_road[cars]
        finished[cars] = (state.laps[cars] >= laps) & ~off_road[cars]
        active[cars] = ~(off_road[cars] | finished[cars] | (steps[cars] >= most_steps[cars]))
        tick(int(tracks - active.sum()))
    driven = [np.array([place[car] for place in places[: int(steps[car])]]) for car in range(tracks)]
    return [
        TrackResult(
            finished=bool(finished[car]),
            off_road=bool(off_road[car]),
            driven_m=float(driven_m[car]),
            mean_offset_m=float(offset_sum_m[car] / steps[car]),
            worst_offset_m=float(worst_m[car]),
            lap_s=float(steps[car] * period_s / laps) if finished[car] else None,
            path=Path(simulator.worlds[car].track, driven[car][:, :2], driven[car][:, 2]) if paths else None,
        )
        for car in range(tracks)
    ]


EVALUATION_WORLDS = 0xE7A1  # sets these worlds apart from all that training draws, whatever the seeds


def teacher(contract: Contract) -> Chooser:
    """The driver who sees the track: what the cars themselves allow. Held to the contract's actions where a policy is.

    Pure pursuit; where there is a choice of throttle, who takes the best of the rolled-out values.
    """
    table = contract.actions
    if len(table.throttle) > 1:
        return lambda _, cars, simulator: decide(
            SCALE * rolled_out_values(simulator, table)[cars], table, simulator.bicycles.commanded_steering[cars]
        )
    commands = np.array([table.decode(action) for action in range(len(table))])

    def choose(_: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        steering = pure_pursuit(simulator)[cars]
        action = np.abs(steering[:, None] - commands[:, 0]).argmin(axis=1)
        throttle = commands[action, 1]
        return Decisions(action, steering if table.decoding == "expectation" else commands[action, 0], throttle)

    return choose


def with_throttle(choose: Chooser, throttle: float | None) -> Chooser:
    """That chooser's steering, with this throttle, -1 .. +1; None leaves it its own."""
    if throttle is None:
        return choose

    def choose_steering(observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        decided = choose(observations, cars, simulator)
        return replace(decided, throttle=np.full_like(decided.throttle, throttle))

    return choose_steering


def as_measured(choose: Chooser, contract: Contract, measured: Mapping[str, tuple[float, float]]) -> Chooser:
    """That chooser's steering as the arcs that it means, in a car of which this was measured, as calibration.known has
    it: what `drive` makes of it. As it is where nobody has measured how far its wheels turn, or the contract does not
    say what steering means."""
    turns_rad_per_m = contract.actions.turns_rad_per_m
    if turns_rad_per_m is None or "full_lock_deg" not in measured:
        return choose
    (wheelbase_m, _), (lock_deg, _), (uneven, _) = (
        measured[name] for name in ("wheelbase_m", "full_lock_deg", "steering_uneven")
    )
    left_rad, right_rad = np.radians(lock_deg) * np.array([1 - uneven, 1 + uneven])

    def choose_arc(observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        decided = choose(observations, cars, simulator)
        return replace(decided, steering=same_arc(decided.steering, turns_rad_per_m, wheelbase_m, left_rad, right_rad))

    return choose_arc


def greedy(advantages: Callable[[np.ndarray, np.ndarray], np.ndarray], contract: Contract) -> Chooser:
    """Chooses as the car does. advantages: (observations, the cars' numbers) -> float32 (k, actions)."""

    def choose(observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        return decide(advantages(observations, cars), contract.actions, simulator.bicycles.commanded_steering[cars])

    return choose
