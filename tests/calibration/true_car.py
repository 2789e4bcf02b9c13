"""A car that nobody has measured, and a person who calibrates it: what the procedures find is held against the truth.

Commands go through the guardian's own state machine and its driver's registers to a servo, a motor and a lens whose
values are drawn at random, in simulated time; pictures are rendered by the simulator's lens, which shares nothing with
the code that measures it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from calibration.board import COLUMNS, ROWS, draw_board, find_board
from calibration.car_file import CarCalibration
from calibration.image_motion import turning
from calibration.latency import Weave
from calibration.photos import Photo
from calibration.terminal import Terminal
from car.calibrating import BRAKE_S, BURST_S, HOLD_S, PHOTO, ROLLS_OUT_S
from car.guardian.chip import Chip
from car.guardian.machine import Machine
from car.guardian.messages import Command, Kind
from car.servos import servos_of
from car.simchip.registers import PRE_SCALE, Registers, pulse_us
from models.contract import ObservationSpec
from sim_bridge.bicycle import Bicycles
from sim_bridge.board_view import BoardCamera, Sheet
from sim_bridge.distributions import TABLES
from sim_bridge.lens import Lens
from sim_bridge.scene import Always, Scene, Uniform, draw_scene
from sim_bridge.simulator import Simulator

STEP_S, FRAME_S = 0.01, 0.05
ROOM = {  # to weave in: large, and with something on its walls
    "room_m": Uniform(6.0, 8.0), "wall_gap_m": Uniform(2.0, 4.0), "clutter": Uniform(0.4, 1.0),
    "exposure_s": Always(0.01), "body": Always("none"),
}  # fmt: skip
ASIDE_M = 1.2  # from the middle of the room, so that the circle to the right is round it
MARGIN_M, SQUARE_M = 0.012, 0.036


@dataclass(frozen=True)
class Truth:
    """What the person does not know. Pulses are true microseconds."""

    scene: Scene
    oscillator_hz: float
    centre_us: float
    left_us: float  # where the wheels come to their stops
    right_us: float
    neutral_us: float
    way: float  # of the motor: +1 where longer pulses drive forward
    forward_start_us: float  # from neutral
    reverse_start_us: float
    full_us: float  # from neutral, where the motor is at its fastest

    @property
    def locks_deg(self) -> tuple[float, float]:
        """Left, right."""
        scene = self.scene
        return scene.full_lock_deg * (1 - scene.steering_uneven), scene.full_lock_deg * (1 + scene.steering_uneven)


def draw_truth(seed: int) -> Truth:
    rng = np.random.default_rng((77, seed))
    scene = replace(draw_scene(TABLES["real"] | ROOM, rng), steering_trim=0.0)
    centre_us, side = rng.uniform(1400, 1600), rng.choice((-1, 1))
    return Truth(
        scene=scene,
        oscillator_hz=25e6 * (1 + 0.03 * rng.choice((-1, 1))),
        centre_us=centre_us,
        left_us=centre_us - side * rng.uniform(300, 450),
        right_us=centre_us + side * rng.uniform(300, 450),
        neutral_us=rng.uniform(1480, 1520),
        way=float(rng.choice((-1, 1))),
        forward_start_us=rng.uniform(20, 50),
        reverse_start_us=rng.uniform(20, 50),
        full_us=rng.uniform(380, 480),
    )


class Bus:
    """The simulated chip's registers as Blinka's bus, in this process."""

    def __init__(self) -> None:
        self.registers = Registers()

    def try_lock(self) -> bool:
        return True

    def unlock(self) -> None:
        pass

    def writeto(self, _: int, buffer, *, start: int = 0, end: int | None = None) -> None:
        self.registers.write(bytes(buffer)[start:end])

    def readfrom_into(self, _: int, buffer, *, start: int = 0, end: int | None = None) -> None:
        end = len(buffer) if end is None else end
        buffer[start:end] = self.registers.read(end - start)

    def writeto_then_readfrom(
        self, _: int, out, into, *, out_start: int = 0, out_end: int | None = None, in_start: int = 0,
        in_end: int | None = None,
    ) -> None:  # fmt: skip
        self.registers.write(bytes(out)[out_start:out_end])
        self.readfrom_into(0, into, start=in_start, end=in_end)


class TrueCar:
    """The car. `take` has its board driven by a calibration, as a guardian started for it would."""

    def __init__(self, truth: Truth, seed: int = 0) -> None:
        self.truth, self.cap = truth, 0.2
        self._bus = Bus()
        self._bicycle = Bicycles(1, STEP_S)
        self._bicycle.place(0, truth.scene, 0.0, 0.0, 0.0)
        self._now_ns = 10**9
        self._seed = seed
        self.fastest = 0.0  # of the last burst, + forward

    def take(self, calibration: CarCalibration, *, on_stand: bool) -> None:
        servos = servos_of(calibration)
        self._bicycle.place(0, self.truth.scene, 0.0, 0.0, 0.0)  # put down, the wheels standing still
        self._machine, self._chip = Machine(servos, calibrating=on_stand), Chip(self._bus, servos)
        self._channels = servos.steering_channel, servos.throttle_channel
        self._neutral_us, self._held_us = servos.neutral_us, servos.centre_us

    # What the person sees.

    @property
    def steering_us(self) -> float:
        """The pulse that is at the servo's plug."""
        return pulse_us(self._bus.registers.bytes, self._channels[0], self.truth.oscillator_hz)

    @property
    def frequency_hz(self) -> float:
        """What a meter shows."""
        return self.truth.oscillator_hz / 4096 / (self._bus.registers.bytes[PRE_SCALE] + 1)

    @property
    def wheels(self) -> float:
        """Where the servo puts the front wheels, -1 .. +1 at their stops; beyond, it hums."""
        truth = self.truth
        share = (self.steering_us - truth.centre_us) / (truth.right_us - truth.centre_us)
        if share < 0:
            share = -(self.steering_us - truth.centre_us) / (truth.left_us - truth.centre_us)
        return share

    @property
    def motor(self) -> float:
        """What the motor is told, -1 .. 1."""
        truth = self.truth
        pulse = pulse_us(self._bus.registers.bytes, self._channels[1], truth.oscillator_hz)
        away_us = truth.way * (pulse - truth.neutral_us)
        start_us = truth.forward_start_us if away_us > 0 else truth.reverse_start_us
        share = (abs(away_us) - start_us) / (truth.full_us - start_us)
        return math.copysign(min(max(share, 0.0), 1.0), away_us)

    @property
    def pose(self) -> tuple[float, float, float]:
        """Of the rear axle's middle: forward, left, heading in radians."""
        bicycle = self._bicycle
        return float(bicycle.x_m[0]), float(bicycle.y_m[0]), float(bicycle.heading_rad[0])

    # calibration.terminal.PulseDrivetrain

    def hold(self, steering_us: float) -> None:
        self._held_us = steering_us
        self._arm(Kind.PULSES)
        self._pulses_for(self._neutral_us, HOLD_S)

    def burst(self, throttle_us: float, *, brake_first: bool = False) -> None:
        self._arm(Kind.PULSES)
        if brake_first and throttle_us != self._neutral_us:
            self._pulses_for(throttle_us, BRAKE_S)
            self._pulses_for(self._neutral_us, BRAKE_S)
        self._pulses_for(throttle_us, BURST_S)
        self.fastest = self.motor
        self._pulses_for(self._neutral_us, STEP_S)

    # calibration.vehicle.FloorDrivetrain, calibration.latency.WeavingDrivetrain

    def drive(self, steering: float, throttle: float, duration_s: float) -> None:
        self._arm(Kind.DRIVE)
        for told, seconds in ((0.0, HOLD_S), (throttle, duration_s), (0.0, 2 * ROLLS_OUT_S)):
            for _ in range(round(seconds / STEP_S)):
                self._step(Command(steering, told, True, False, self._now_ns))

    def weave(self, plan: Sequence[tuple[float, float]]) -> Weave:
        spec = ObservationSpec()
        scene = {name: Always(value) for name, value in vars(self.truth.scene).items()}
        simulator = Simulator(1, scene, self._seed, spec)
        world = simulator.worlds[0]
        x_m, y_m = world.track.points.mean(axis=0)  # the middle of the room
        self._bicycle.place(0, self.truth.scene, x_m, y_m + ASIDE_M, 0.0)
        self._arm(Kind.DRIVE)
        frames, at_s, told = [], [], []
        ends_s = np.cumsum([seconds for seconds, _ in plan])
        steps, every = round(ends_s[-1] / STEP_S), round(FRAME_S / STEP_S)
        steering = 0.0
        for step in range(steps):
            if step % every == 0:
                frames.append(_picture(world, self._bicycle, self.pose))
                steering = plan[min(int(np.searchsorted(ends_s, step * STEP_S, side="right")), len(plan) - 1)][1]
                at_s.append(self._now_ns / 1e9)
                told.append(steering)
            self._step(Command(steering, self.cap, True, False, self._now_ns))
        self._bicycle.place(0, self.truth.scene, 0.0, 0.0, 0.0)
        clock_s = np.array(at_s)
        return Weave(clock_s, np.array(told), clock_s, turning(frames), (slice(0, len(frames)),), 0.0)

    def _arm(self, kind: Kind) -> None:
        steering, throttle = (self._held_us, self._neutral_us) if kind is Kind.PULSES else (0.0, 0.0)
        for armed in (False, True):
            self._step(Command(steering, throttle, armed, False, self._now_ns, kind=kind))

    def _pulses_for(self, throttle_us: float, duration_s: float) -> None:
        for _ in range(round(duration_s / STEP_S)):
            self._step(Command(self._held_us, throttle_us, True, False, self._now_ns, kind=Kind.PULSES))

    def _step(self, command: Command) -> None:
        self._machine.take(command, self._now_ns)
        self._chip.write(self._machine.step(self._now_ns).pulses)
        self._bicycle.step(np.clip([self.wheels], -1, 1), np.array([self.motor]))
        self._now_ns += round(STEP_S * 1e9)


def _picture(world, bicycle: Bicycles, pose: tuple[float, float, float]) -> np.ndarray:
    picture = world.camera.take(world.ground, *pose)
    standing = (*pose, float(bicycle.speed_m_s[0]), float(bicycle.steering[0]))
    if world.surroundings:
        world.surroundings.draw(picture, 0, *standing[:3])
    if world.gloss:
        world.gloss.add(picture, 0, *standing[:3])
    return world.sensor.develop(picture, 0, 0.0, 0.0, 0.0, world.rng)


class Person:
    """Who answers: by what can be seen of the car, by a tape and a meter, with the errors that eyes and tapes have."""

    def __init__(self, car: TrueCar, seed: int) -> None:
        self.car, self._rng = car, np.random.default_rng((5, seed))
        self._sign = "+"
        self._finding = self._find("")
        self._mark, self._across_m = car.pose, list[float]()
        self.terminal = Terminal(self._answer, self._hear)

    def _hear(self, words: str) -> None:
        first = words.split(":", maxsplit=1)[0].split(".", maxsplit=1)[0].strip()
        if "BACKWARD" in words:
            first = "START BACK"
        if first in ("CENTRE", "LEFT", "RIGHT", "NEUTRAL", "START", "START BACK", "FORWARD", "REVERSE"):
            self._finding = self._find(first)
        if "Mark the floor" in words:
            self._mark, self._across_m = self.car.pose, []

    def _answer(self, question: str, choices: tuple[str, ...]) -> str:  # noqa: PLR0911 - a question, an answer
        car, rng = self.car, self._rng
        if question.strip().endswith("us >"):
            return next(self._finding)
        if choices == ("yes", "no"):
            return "yes"
        if "What moved" in question:
            return "w"
        if "What did that" in question:
            return "f" if car.fastest > 0 else "b"
        if question.startswith("REVERSE"):
            return "b"
        if "what it shows" in question:
            return f"{car.frequency_hz:.2f} Hz"
        if "WHEELBASE" in question:
            return f"{car.truth.scene.wheelbase_m + rng.normal(0, 0.0007):.3f}"
        if "on its mark" in question:
            self._mark = car.pose
            self._line_rad = self._mark[2] + rng.normal(0, np.radians(0.4))
            return ""
        if "ahead, in metres" in question:
            return f"{self._from_mark(self._line_rad)[0] + rng.normal(0, 0.003):.3f}"
        if "to the right" in question and "metres" in question:
            return f"{-self._from_mark(self._line_rad)[1] + rng.normal(0, 0.003):.3f}"
        if "drives the first one" in question:
            self._mark = car.pose
            return ""
        if "left (l)" in question:
            return "l" if car.pose[2] > self._mark[2] else "r"
        assert "at most?" in question, question
        self._across_m.append(float(np.hypot(*self._from_mark(0.0)) + rng.normal(0, 0.003)))
        return "" if self._across_m[-1] == max(self._across_m) else f"{max(self._across_m):.3f}"

    def _from_mark(self, line_rad: float) -> tuple[float, float]:
        """Ahead and to the left of it, along a line."""
        x_m, y_m = self.car.pose[0] - self._mark[0], self.car.pose[1] - self._mark[1]
        return (
            x_m * math.cos(line_rad) + y_m * math.sin(line_rad),
            y_m * math.cos(line_rad) - x_m * math.sin(line_rad),
        )

    def _find(self, stage: str):
        """What is typed while a pulse is looked for, one answer after the other; "" is content."""
        car = self.car
        if stage == "CENTRE":
            yield from self._towards(lambda: abs(car.wheels + self._rng.normal(0, 0.005)), 0.02)
        elif stage in ("LEFT", "RIGHT"):
            side = -1 if stage == "LEFT" else 1
            yield from self._to_the_stop(lambda: side * car.wheels)
        elif stage == "NEUTRAL":
            yield from self._towards(lambda: abs(car.fastest), 0.0005)
        elif stage == "START":
            yield from self._until(lambda: car.fastest > 0.001, lambda: car.fastest < -0.001)
        elif stage == "START BACK":
            yield from self._until(lambda: car.fastest < -0.001, lambda: car.fastest > 0.001)
        elif stage in ("FORWARD", "REVERSE"):
            sign = self._sign
            for _ in range(4):
                yield f"{sign}50"
        yield ""

    def _towards(self, error: Callable[[], float], enough: float):
        sign, last = 1, error()
        while last > enough:
            step = 50 if last > 0.3 else 15 if last > 0.06 else 5
            yield f"{sign * step:+d}"
            if (now := error()) > last:
                sign = -sign
            last = now

    def _to_the_stop(self, turned: Callable[[], float]):
        before = turned()
        yield "+10"
        sign = 1 if turned() > before else -1
        for step in (50, 10, 4):
            while turned() <= 1.0:  # no humming
                yield f"{sign * step:+d}"
            while turned() > 1.0:
                yield f"{-sign * step:+d}"

    def _until(self, seen: Callable[[], bool], wrong: Callable[[], bool]):
        sign = "+"
        while not seen():
            if wrong():
                sign = "-" if sign == "+" else "+"
            yield f"{sign}10"
        self._sign = sign


def in_the_hand(scene: Scene, rng: np.random.Generator) -> Sheet:
    """The board somewhere before the lens, tilted."""
    lens = Lens(scene, PHOTO)
    column, row = rng.uniform(0.2, 0.8, 2) * (PHOTO.frame_width, PHOTO.frame_height)
    seen_at = int(row) * PHOTO.frame_width + int(column)
    towards = np.array([part[seen_at] for part in lens.rays])
    towards /= np.linalg.norm(towards)
    across = np.cross(towards, (0, 0, 1.0))
    across /= np.linalg.norm(across)
    down = np.cross(towards, across)
    axis = rng.normal(0, 1, 3)
    turn = cv2.Rodrigues(axis / np.linalg.norm(axis) * np.radians(rng.uniform(10, 40)))[0]
    across, down = turn @ across, turn @ down
    middle_m = np.array((0, 0, scene.camera_height_m)) + towards * rng.uniform(0.2, 0.4)
    width_m, height_m = COLUMNS * SQUARE_M + 2 * MARGIN_M, ROWS * SQUARE_M + 2 * MARGIN_M
    return Sheet(_page(), middle_m - across * width_m / 2 - down * height_m / 2, across, down, width_m)


def on_the_floor(near_m: float, aside_m: float = 0.0) -> Sheet:
    """The board before the car, its near edge so far ahead of the lens."""
    width_m, height_m = COLUMNS * SQUARE_M + 2 * MARGIN_M, ROWS * SQUARE_M + 2 * MARGIN_M
    corner_m = np.array((near_m + height_m, aside_m + width_m / 2, 0.0))
    return Sheet(_page(), corner_m, np.array((0, -1.0, 0)), np.array((-1.0, 0, 0)), width_m)


def _page() -> np.ndarray:
    return cv2.copyMakeBorder(draw_board(60), 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=255)


class Photographer:
    """Takes the pictures of the board, with a sensor's noise."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene, self._rng = scene, np.random.default_rng((6, seed))
        self._camera = BoardCamera(scene, PHOTO)

    def photo(self, name: str, sheet: Sheet) -> Photo:
        picture = self._camera.look_at(sheet) + self._rng.normal(0, 2, (PHOTO.frame_height, PHOTO.frame_width))
        picture = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        return Photo(name, picture, find_board(picture))

    def in_the_hand(self, count: int = 14) -> list[Photo]:
        return [self.photo(f"{number}", in_the_hand(self._scene, self._rng)) for number in range(1, count + 1)]

    def on_the_floor(self) -> Photo:
        """Laid as near as most of it is seen, as the program asks for."""
        best = self.photo("floor", on_the_floor(0.1))
        for near_m in (0.13, 0.16, 0.2, 0.25, 0.31, 0.38, 0.47, 0.57, 0.7):
            if len(best.seen) < 20:
                photo = self.photo("floor", on_the_floor(near_m))
                best = max(best, photo, key=lambda one: len(one.seen))
        return best
