"""A car that nobody has measured: what the procedures find is held against the truth.

Commands go through the guardian's own state machine and its driver's registers to a servo, a motor and a lens whose
values are drawn at random, in simulated time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.car_file import CarCalibration
from calibration.image_motion import turning
from calibration.latency import Weave
from car.calibrating import BRAKE_S, BURST_S, HOLD_S, ROLLS_OUT_S
from car.guardian.chip import Chip
from car.guardian.machine import Machine
from car.guardian.messages import Command, Kind
from car.servos import servos_of
from car.simchip.registers import PRE_SCALE, Registers, pulse_us
from models.contract import ObservationSpec
from sim_bridge.bicycle import Bicycles
from sim_bridge.distributions import TABLES
from sim_bridge.scene import Always, Scene, Uniform, draw_scene
from sim_bridge.simulator import Simulator

STEP_S, FRAME_S = 0.01, 0.05
ROOM = {  # to weave in: large, and with something on its walls
    "room_m": Uniform(6.0, 8.0), "wall_gap_m": Uniform(2.0, 4.0), "clutter": Uniform(0.4, 1.0),
    "exposure_s": Always(0.01), "body": Always("none"),
}  # fmt: skip
ASIDE_M = 1.2  # from the middle of the room, so that the circle to the right is round it


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
                frames.append(take_picture(world, self._bicycle, self.pose))
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


def take_picture(world, bicycle: Bicycles, pose: tuple[float, float, float]) -> np.ndarray:
    """What the camera of a car at this pose sees of its world, as a Simulator draws it."""
    picture = world.camera.take(world.ground, *pose)
    standing = (*pose, float(bicycle.speed_m_s[0]), float(bicycle.steering[0]))
    if world.surroundings:
        world.surroundings.draw(picture, 0, *standing[:3])
    if world.gloss:
        world.gloss.add(picture, 0, *standing[:3])
    return world.sensor.develop(picture, 0, 0.0, 0.0, 0.0, world.rng)
