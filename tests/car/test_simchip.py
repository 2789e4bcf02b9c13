"""The simulated PCA9685, and Adafruit's driver on it, unchanged; what the guardian's chip makes of its faults."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from adafruit_pca9685 import PCA9685

from car.guardian.chip import BusError, Chip, NoChip, OutputEnable, ServosTaken, open_bus, take_bus
from car.guardian.machine import Pulses
from car.guardian.pulses import Servos
from car.simchip.bus import SimulatedBus
from car.simchip.process import start
from car.simchip.registers import AUTO_INCREMENT, MODE1, PRE_SCALE, SLEEP, Registers, pulse_us
from errors import UserError
from settings import PROJECT
from tests.car.hazards import Chip as ChipLog

SERVOS = Servos(neutral_us=1510)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ChipLog]:
    chip = ChipLog(tmp_path)
    yield chip
    chip.close()


@pytest.fixture
def bus(log: ChipLog) -> SimulatedBus:
    return open_bus(f"simchip:{log.folder}")


def test_power_on_as_the_data_sheet_says() -> None:
    registers = Registers()
    registers.write(bytes([MODE1]))
    assert registers.read(1) == b"\x11"
    assert registers.bytes[PRE_SCALE] == 0x1E
    assert all(pulse_us(registers.bytes, channel) == 0 for channel in range(16))


def test_auto_increment_and_the_prescaler_that_only_a_sleeping_chip_takes() -> None:
    registers = Registers()
    registers.write(bytes([0x06, 1, 2, 3]))
    assert registers.bytes[6:10] == bytes([3, 0, 0, 0x10])  # without it all bytes go to one register
    registers.write(bytes([PRE_SCALE, 0x65]))
    registers.write(bytes([MODE1, AUTO_INCREMENT]))
    registers.write(bytes([PRE_SCALE, 0x30]))
    assert registers.bytes[PRE_SCALE] == 0x65
    registers.write(bytes([0x06, 0, 0, 0x70, 0x01]))
    assert pulse_us(registers.bytes, 0) == pytest.approx(368 * 102 / 25)
    registers.write(bytes([0x06]))
    assert registers.read(4) == bytes([0, 0, 0x70, 0x01])
    registers.write(bytes([0xFA, 0, 0, 0, 0x10]))  # ALL_LED
    assert all(pulse_us(registers.bytes, channel) == 0 for channel in range(16))


def test_sleeping_stops_all_pulses_and_restart_is_a_flag() -> None:
    registers = Registers()
    registers.write(bytes([MODE1, AUTO_INCREMENT]))
    registers.write(bytes([0x06, 0, 0, 0x70, 0x01]))
    registers.write(bytes([MODE1, AUTO_INCREMENT | SLEEP]))
    assert registers.bytes[MODE1] == 0xB0
    assert pulse_us(registers.bytes, 0) == 0
    registers.write(bytes([MODE1, 0xA0]))
    assert registers.bytes[MODE1] == 0x20
    assert pulse_us(registers.bytes, 0) > 0


def test_adafruits_driver_unchanged(bus: SimulatedBus, log: ChipLog) -> None:
    driver = PCA9685(bus)
    driver.frequency = 60
    driver.channels[0].duty_cycle = int(0.09 * 65536)
    assert driver.frequency == pytest.approx(59.84, abs=0.01)
    assert log.now().throttle_us == pytest.approx(0.09 * 16711, abs=5)
    driver.channels[0].duty_cycle = 0
    assert log.now().throttle_us == 0
    driver.channels[0].duty_cycle = 0xFFFF
    assert driver.channels[0].duty_cycle == 0xFFFF
    driver.deinit()
    assert log.now().throttle_us > 16000  # it does not stop the PWM
    with pytest.raises(ValueError, match="No I2C device"):
        PCA9685(bus, address=0x41)


def writes(log: ChipLog) -> list[bytes]:
    return [data for entry in log.log() if (data := bytes.fromhex(entry.get("write", "")))[:1] >= b"\x06"]


def test_one_transaction_a_change_and_none_without(bus: SimulatedBus, log: ChipLog) -> None:
    chip = Chip(bus, SERVOS)
    before = len(writes(log))
    for pulses in [Pulses(1600, 1600), Pulses(1600, 1600), Pulses(1600, 1601), Pulses(1600, 1700), Pulses(1200, 1700)]:
        chip.write(pulses)
    assert [(data[0], len(data) - 1) for data in writes(log)[before:]] == [(6, 8), (6, 4), (10, 4)]
    assert (log.now().throttle_us, log.now().steering_us) == pytest.approx((1700, 1200), abs=2.1)


def test_channels_that_are_apart_are_two_transactions_the_throttle_first(bus: SimulatedBus, log: ChipLog) -> None:
    chip = Chip(bus, Servos(steering_channel=3, throttle_channel=15))
    before = len(writes(log))
    chip.write(Pulses(1600, 1600))
    assert [data[0] for data in writes(log)[before:]] == [6 + 4 * 15, 6 + 4 * 3]


def test_a_measured_oscillator_makes_the_pulse_right(bus: SimulatedBus, log: ChipLog) -> None:
    Chip(bus, Servos(oscillator_hz=26.5e6, neutral_us=1500))
    assert pulse_us(bus.wish(), 0, oscillator_hz=26.5e6) == pytest.approx(1500, abs=2.1)
    assert log.now().throttle_us == pytest.approx(1500 * 26.5 / 25, abs=2.1)  # were it really 25 MHz


def test_a_chip_left_with_throttle_is_neutral_with_the_first_write_that_matters(
    bus: SimulatedBus, log: ChipLog
) -> None:
    Chip(bus, SERVOS).write(Pulses(1500, 1900))
    before = len(log.history())
    Chip(open_bus(f"simchip:{log.folder}"), SERVOS)
    changed = [standing.throttle_us for standing in log.history()[before:] if standing.throttle_us < 1890]
    assert changed == [pytest.approx(1510, abs=2.1)]


def test_on_another_frequency_the_outputs_are_off_while_it_changes(bus: SimulatedBus, log: ChipLog) -> None:
    Chip(bus, Servos(frequency_hz=100)).write(Pulses(1500, 1900))
    before = len(log.history())
    Chip(open_bus(f"simchip:{log.folder}"), SERVOS)
    seen = {round(standing.throttle_us) for standing in log.history()[before:]}
    assert seen == {0, round(log.history()[before - 1].throttle_us), round(log.now().throttle_us)}


def test_a_failed_write_is_repeated_once(bus: SimulatedBus, log: ChipLog) -> None:
    chip = Chip(bus, SERVOS)
    log.wish(nacks=1)
    chip.write(Pulses(1600, 1600))
    assert chip.retries == 1
    assert log.now().throttle_us == pytest.approx(1600, abs=2.1)
    log.wish(nacks=2)
    with pytest.raises(BusError, match="failed twice"):
        chip.write(Pulses(1600, 1500))
    chip.write(Pulses(1600, 1500))
    assert log.now().throttle_us == pytest.approx(1500, abs=2.1)


def test_what_does_not_stand_after_it_was_written_is_a_failure(bus: SimulatedBus, log: ChipLog) -> None:
    """A board whose power dipped is asleep, with auto-increment off: it acknowledges, and does something else."""
    chip = Chip(bus, SERVOS)
    bus.writeto(0x40, bytes([MODE1, 0x11]))
    with pytest.raises(BusError, match="reads"):
        chip.write(Pulses(1600, 1600))
    assert chip.neutral(Pulses(1500, 1510))
    assert log.now().throttle_us == pytest.approx(1510, abs=2.1)


def test_no_chip_is_said_in_words(bus: SimulatedBus, log: ChipLog, tmp_path: Path) -> None:
    with pytest.raises(NoChip, match=r"no PCA9685 answers at 0x41.*i2cdetect -y 1"):
        Chip(bus, Servos(address=0x41))
    with pytest.raises(NoChip, match="no simulated chip runs"):
        open_bus(f"simchip:{tmp_path}")
    for function in (open_bus, take_bus):
        with pytest.raises(NoChip, match="raspi-config"):
            function("77")


def test_one_owner(log: ChipLog) -> None:
    held = take_bus(f"simchip:{log.folder}")
    with pytest.raises(ServosTaken, match="another program has the servos"):
        take_bus(f"simchip:{log.folder}")
    os.close(held)
    os.close(take_bus(f"simchip:{log.folder}"))


def test_the_chip_outlives_its_users_and_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "chip"
    program = (
        "import sys, pathlib; from car.simchip.process import start; start(pathlib.Path(sys.argv[1]), alone_s=2.0)"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], cwd=PROJECT, check=True, timeout=30)
    start(folder)
    bus = SimulatedBus(folder)
    Chip(bus, SERVOS).write(Pulses(1500, 1900))
    bus._socket.close()
    assert pulse_us(SimulatedBus(folder).wish(), 0) == pytest.approx(1900, abs=2.1)


def test_a_chip_that_is_alone_is_switched_off(tmp_path: Path) -> None:
    start(tmp_path / "chip", alone_s=0.2)
    time.sleep(1.5)
    with pytest.raises(NoChip):
        SimulatedBus(tmp_path / "chip")


def test_the_wire_to_output_enable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a module with lgpio's functions, since no GPIO is here: high first, low to let pulses out."""
    (tmp_path / "lgpio.py").write_text(
        "class error(Exception): pass\n"
        "calls = []\n"
        "def gpiochip_open(chip): return 7\n"
        "def gpio_claim_output(handle, gpio, level):\n"
        "    if gpio == 5: raise error('GPIO busy')\n"
        "    calls.append((handle, gpio, level))\n"
        "def gpio_write(handle, gpio, level): calls.append((handle, gpio, level))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import lgpio

    pin = OutputEnable(17)
    pin.set(True)
    pin.set(False)
    assert lgpio.calls == [(7, 17, 1), (7, 17, 0), (7, 17, 1)]
    with pytest.raises(UserError, match="GPIO 5"):
        OutputEnable(5)
    OutputEnable(None).set(True)
    assert len(lgpio.calls) == 3


def test_systemd_is_told(log: ChipLog, tmp_path: Path) -> None:
    """Ready once neutral stands, then alive three times a watchdog period; SIGTERM is a good end; signals of a
    terminal are none of its business."""
    import socket

    from tests.car.hazards import environment, guardian_arguments

    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = f"\0patate-test-{os.getpid()}"
        systemd.bind(address)
        systemd.settimeout(20)
        environ = environment(NOTIFY_SOCKET="@" + address[1:], WATCHDOG_USEC="300000")
        process = subprocess.Popen(guardian_arguments(tmp_path, folder), cwd=PROJECT, env=environ)
        messages = [systemd.recv(100) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        messages += [systemd.recv(100) for _ in range(3)]
        assert messages == [b"READY=1", *[b"WATCHDOG=1"] * 4]
        assert log.now().throttle_us == pytest.approx(1500, abs=2.1)
        process.terminate()
        assert process.wait(timeout=20) == 0


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    from car.local_socket import private_folder

    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(UserError, match="chmod 700"):
        private_folder(tmp_path / "open")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot make the folder"):
        private_folder(tmp_path / "file" / "x")


def test_sockets_work_however_deep_the_folder_is(tmp_path: Path) -> None:
    from car.local_socket import connect, listen

    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    server = listen(deep, "s")
    server = listen(deep, "s")  # in place of one that was left
    connect(deep, "s").close()
    server.close()
    with pytest.raises(OSError, match=r"."):
        connect(deep, "s")
