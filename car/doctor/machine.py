"""Operating system, Python, disk, memory, power and temperature."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from car.doctor.line import Line, at_least, ok
from car.hardware import Hardware, device_tree_model

MIB = 2**20
THROTTLED_NOW = {0: "its supply voltage is too low", 1: "its frequency is capped", 2: "it is throttled", 3: "it is hot"}
THROTTLED_SINCE_BOOT = 16  # bits higher: the same, some time since it was started
HOT_C = 75.0  # a Pi 4 or 5 slows down at 80
SYSTEM_SITE = "include-system-site-packages = true"  # in pyvenv.cfg


def operating_system(root: Path) -> Line:
    """Name, board and word size: the wheels of the car's packages exist for 64 bits."""
    try:
        release = (root / "etc/os-release").read_text()
    except OSError:
        release = ""
    named = re.search(r'^PRETTY_NAME="?([^"\n]*)', release, re.MULTILINE)
    words = ", ".join(filter(None, [named[1] if named else "", device_tree_model(root), platform.machine()]))
    if sys.maxsize < 2**32:
        return Line("system", "fail", words, "install the 64-bit Raspberry Pi OS: the packages are made for it")
    return ok("system", words)


def python(kind: Hardware, prefix: Path = Path(sys.prefix)) -> Line:
    """Its version; and on a Pi that the environment sees the system's Picamera2. prefix: of the environment."""
    words = f"{platform.python_version()} in {prefix}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Line("python", "fail", words, "install Python 3.11, 3.12 or 3.13, then type make clean && make drive")
    configuration = prefix / "pyvenv.cfg"
    if kind == "pi" and configuration.exists() and SYSTEM_SITE not in configuration.read_text():
        return Line("python", "fail", f"{words}, without the system's Picamera2", "type make clean && make drive")
    return ok("python", words)


def disk(car: Path) -> Line:
    """Room for recordings and models where the car's folder is, or will be."""
    there = next(folder for folder in (car, *car.absolute().parents) if folder.exists())
    free_mib = shutil.disk_usage(there).free / MIB
    return at_least(
        "disk",
        f"{free_mib / 1024:.1f} GiB free at {car}",
        free_mib,
        warn=1024,
        fail=100,
        remedy="delete old drives, or move the car's folder: drive --car FOLDER",
    )


def memory(root: Path) -> Line:
    """What programs can still have, by /proc/meminfo."""
    available = re.search(r"^MemAvailable:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
    free_mib = int(available[1]) / 1024 if available else 0.0
    remedy = "end other programs, the desktop first"
    return at_least("memory", f"{free_mib:.0f} MiB free", free_mib, warn=300, fail=150, remedy=remedy)


def power(root: Path) -> Line:
    """The Pi's throttling flags: a weak battery shows here before anything else. Only a Pi has them."""
    flags = throttling_flags(root)
    if flags is None:
        return Line("power", "warn", "its throttling flags cannot be read", "type vcgencmd get_throttled")
    now, before = throttling_words(flags)
    remedy = "charge the battery, use a short thick cable, a supply of 5 V 3 A or more, and a cooler where it is hot"
    if now:
        return Line("power", "fail", f"now {', '.join(now)} (flags {flags:#x})", remedy)
    if before:
        return Line("power", "warn", f"since it was started: {', '.join(before)} (flags {flags:#x})", remedy)
    return ok("power", "no throttling since it was started")


def throttling_words(flags: int) -> tuple[list[str], list[str]]:
    """What is wrong now, and what was at some time since the Pi was started."""
    now = [words for bit, words in THROTTLED_NOW.items() if flags >> bit & 1]
    return now, [words for bit, words in THROTTLED_NOW.items() if flags >> bit + THROTTLED_SINCE_BOOT & 1]


def throttling_flags(root: Path) -> int | None:
    """From the kernel's file, else from vcgencmd; None where neither says."""
    for file in sorted(root.glob("sys/devices/platform/soc*/*firmware*/get_throttled")):
        try:
            return int(file.read_text(), 16)
        except (OSError, ValueError):
            continue
    try:
        said = subprocess.run(  # noqa: S603, the system's own
            [root / "usr/bin/vcgencmd", "get_throttled"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout
        return int(said.strip().removeprefix("throttled="), 16)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def temperature(root: Path) -> Line:
    """Of the processor, by the kernel. Every Pi tells."""
    celsius = int((root / "sys/class/thermal/thermal_zone0/temp").read_text()) / 1000
    if celsius >= HOT_C:
        return Line("temperature", "warn", f"{celsius:.0f} °C", "give it a cooler or air: it slows down at 80 °C")
    return ok("temperature", f"{celsius:.0f} °C")


def load(root: Path) -> Line:
    """What else runs: a policy shares the processor with it."""
    busy = float((root / "proc/loadavg").read_text().split()[0])
    cores = os.cpu_count() or 1
    words = f"load {busy:.1f} on {cores} cores"
    if busy > 0.8 * cores:
        return Line("load", "warn", words, "see what runs (top), and end it: frames will come late")
    return ok("load", words)
