"""Microseconds to the registers of a PCA9685, by Adafruit's driver; every write is read back."""

import contextlib
import fcntl
import os
import struct
from pathlib import Path
from typing import Any

from adafruit_pca9685 import PCA9685

from car.guardian.machine import Pulses
from car.guardian.pulses import Servos
from errors import UserError

AUTO_INCREMENT = 0x20  # MODE1: several registers in one transaction, so that no half of a pulse ever stands
FULL_OFF = (0, 0x1000)
SIMULATED = "simchip:"  # a bus named so is the simulated chip's folder


class BusError(Exception):
    """A write failed, was repeated once, and failed again."""


class ServosTaken(UserError):
    """Another program has the servos."""


class NoChip(UserError):
    """There is no bus, or nothing answers on it."""


def open_bus(name: str) -> Any:
    """A bus with Blinka's methods: /dev/i2c-N for a number, the simulated chip for simchip:FOLDER. Raises NoChip."""
    if name.startswith(SIMULATED):
        from car.simchip.bus import SimulatedBus  # noqa: PLC0415

        return SimulatedBus(Path(name.removeprefix(SIMULATED)))
    from adafruit_blinka.microcontroller.generic_linux.i2c import I2C  # noqa: PLC0415

    class LinuxBus(I2C):  # type: ignore[misc]
        """One thread of one process uses the bus: nothing to lock against."""

        def try_lock(self) -> bool:
            return True

        def unlock(self) -> None:
            pass

    try:
        return LinuxBus(int(name))
    except (OSError, RuntimeError) as error:
        raise NoChip(
            f"cannot open I2C bus {name}: {error}; switch I2C on with raspi-config, and join the group i2c"
        ) from error


def take_bus(name: str) -> int:
    """Lock the bus for as long as the returned descriptor is open; the kernel lets go of it when the process ends.

    The lock is on the bus itself, so that it does not matter who asks, nor from where. Raises ServosTaken, NoChip.
    """
    path = Path(name.removeprefix(SIMULATED)) if name.startswith(SIMULATED) else Path(f"/dev/i2c-{int(name)}")
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise NoChip(
            f"cannot open {path}: {error.strerror}; switch I2C on with raspi-config, and join the group i2c"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ServosTaken(f"another program has the servos on {path}; end it first (one guardian, one car)") from error
    return descriptor


class Chip:
    """The two channels of a PCA9685 that a car needs."""

    def __init__(self, bus: Any, servos: Servos) -> None:
        """Brings the throttle to neutral before anything else. Raises NoChip where nothing answers."""
        self._bus, self._servos = bus, servos
        self._written: tuple[int, int] | None = None  # ticks of steering and throttle that were read back
        self.retries = 0
        neutral = Pulses(servos.centre_us, servos.neutral_us)
        try:
            self._prepare(neutral)
        except (OSError, ValueError):
            self.retries += 1
            try:
                self._prepare(neutral)
            except (OSError, ValueError) as error:
                raise NoChip(
                    f"no PCA9685 answers at 0x{servos.address:x}: {error}; check its power and wires, "
                    f"and look with  i2cdetect -y {servos.bus}"
                ) from error

    def write(self, pulses: Pulses) -> None:
        """Make these pulses stand in the chip: one transaction, if anything changes at all. Raises BusError."""
        wanted = self._ticks(pulses.steering_us), self._ticks(pulses.throttle_us)
        if wanted == self._written:
            return
        try:
            self._change(wanted)
        except OSError:
            self.retries += 1
            try:
                self._change(wanted)
            except OSError as error:
                raise BusError(f"the I2C bus failed twice: {error}") from error

    def neutral(self, pulses: Pulses) -> bool:
        """Try once, from the chip's start, whatever state it is in; whether the pulses stand."""
        try:
            self._prepare(pulses)
        except (OSError, ValueError):
            return False
        return True

    def _prepare(self, pulses: Pulses) -> None:
        """Driver, clock and pulses. A chip that was left running at our frequency goes to these pulses at once; on
        another frequency its counts would mean other pulses, so that it is switched off while that is changed."""
        self._written = None
        servos = self._servos
        self._pca = PCA9685(self._bus, address=servos.address, reference_clock_speed=round(servos.oscillator_hz))
        self._pca.mode1_reg = AUTO_INCREMENT
        prescale = int(servos.oscillator_hz / 4096 / servos.frequency_hz + 0.5) - 1
        if self._pca.prescale_reg != prescale:
            for channel in (servos.throttle_channel, servos.steering_channel):
                self._pca.pwm_regs[channel] = FULL_OFF
            self._pca.frequency = servos.frequency_hz
            if self._pca.prescale_reg != prescale:
                raise OSError("the chip did not take its frequency")
        self._ticks_per_us = servos.oscillator_hz / (prescale + 1) / 1e6
        self._change((self._ticks(pulses.steering_us), self._ticks(pulses.throttle_us)))

    def _ticks(self, pulse_us: float) -> int:
        return min(max(round(pulse_us * self._ticks_per_us), 1), 4095)

    def _change(self, wanted: tuple[int, int]) -> None:
        """Write what differs, the throttle first, and read it back. Raises OSError."""
        steering, throttle = self._servos.steering_channel, self._servos.throttle_channel
        before, self._written = self._written, None  # unknown, until it was read back
        channels = {throttle: wanted[1], steering: wanted[0]}
        if before is not None:
            if before[0] == wanted[0]:
                del channels[steering]
            if before[1] == wanted[1]:
                del channels[throttle]
        if len(channels) == 2 and abs(steering - throttle) == 1:
            first = min(channels)
            values = struct.pack("<4H", 0, channels[first], 0, channels[first + 1])
            self._registers(first, values)
        else:
            for channel, ticks in channels.items():
                self._registers(channel, struct.pack("<2H", 0, ticks))
        self._written = wanted

    def _registers(self, channel: int, values: bytes) -> None:
        """One transaction, from the channel's first register on, and one to read it back."""
        first = bytes([0x06 + 4 * channel])
        stands = bytearray(len(values))
        with self._pca.i2c_device as device:
            device.write(first + values)
            device.write_then_readinto(first, stands)
        if bytes(stands) != values:
            raise OSError(f"channel {channel} reads {stands.hex()} after {values.hex()} was written")


class OutputEnable:
    """The wire to the chip's OE pin, where there is one: low lets pulses out, high stops them whatever the chip thinks.

    With a pull-up resistor on the wire, outputs are also off while no process holds the pin.
    """

    def __init__(self, gpio: int | None) -> None:
        """Outputs off. Raises UserError where the pin cannot be had."""
        self._gpio = gpio
        if gpio is None:
            return
        try:
            import lgpio  # noqa: PLC0415
        except ImportError as error:
            raise UserError("output_enable_gpio needs lgpio: type  pip install lgpio  in .venv") from error
        self._lgpio = lgpio
        try:
            self._chip = lgpio.gpiochip_open(0)
            lgpio.gpio_claim_output(self._chip, gpio, 1)
        except lgpio.error as error:
            raise UserError(
                f"cannot have GPIO {gpio} for the output-enable wire: {error}; another program has it?"
            ) from error

    def set(self, on: bool) -> None:
        """Whether pulses leave the chip."""
        if self._gpio is not None:
            with contextlib.suppress(self._lgpio.error):  # the bus is told neutral as well
                self._lgpio.gpio_write(self._chip, self._gpio, 0 if on else 1)
