"""The program itself: what a person at a keyboard gets, and what their browser can do."""

import asyncio
import contextlib
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import PROJECT
from storage.tub import Tub
from tests.car.page.test_server import hear, say
from tests.conftest import assert_one_line
from tests.storage.test_tub_writer import donkeys


class Drive:
    """`manage.py drive` at its own pace, and its page's link."""

    def __init__(self, *arguments: str | Path, **options: object) -> None:
        command = [sys.executable, str(PROJECT / "manage.py"), "drive", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, text=True, **pipes, **options)
        self.first = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", self.first)
        self.link, self.port, self.token = (found[0], *found.groups()) if found else ("", "", "")

    async def connect(self):
        from tornado.websocket import websocket_connect

        return await websocket_connect(f"ws://127.0.0.1:{self.port}/wsDrive?token={self.token}")

    async def hold(self, browser, **said: object) -> None:
        """A thumb on the joystick, until it is cancelled."""
        while True:
            await say(browser, **said)
            await asyncio.sleep(0.05)

    def end(self, code: int = 0) -> str:
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == code, out
        return out


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    drive = Drive("--port", "0", "--car", tmp_path)
    yield drive
    if drive.process.poll() is None:
        drive.process.kill()
        drive.process.communicate()


def test_a_laptop_drives_the_simulated_car_from_its_browser(drive: Drive, tmp_path: Path) -> None:
    async def conversation() -> None:
        browser = await drive.connect()
        state = await hear(browser, armed=True, driveMode="local", throttle=0.2)  # the policy drives at once
        assert state["label"] == "SIMULATED"
        assert not state["recording"]
        thumb = asyncio.create_task(drive.hold(browser, angle=-0.5, throttle=0.1))
        await say(browser, drive_mode="user", recording=True)
        await hear(browser, driver="you", driveMode="user", recording=True, steering=-0.5, throttle=0.1)
        thumb.cancel()
        thumb = asyncio.create_task(drive.hold(browser, angle=-0.5, throttle=1.0))
        await hear(browser, throttle=0.2, reason="throttle held to the cap of 0.2")
        thumb.cancel()  # silent
        state = await hear(browser, throttle=0.0, driver="nobody", armed=False)
        assert "silent for 400 ms" in state["note"]
        assert state["num_records"] > 0

    with urllib.request.urlopen(drive.link) as page:  # noqa: S310 - ours
        assert b"STOP" in page.read()
    asyncio.run(conversation())
    out = drive.end()
    [tub] = (tmp_path / "drives").glob("*-tub")
    recorded = re.search(rf"recorded (\d+) records in {tub}$", out, re.MULTILINE)
    assert len(Tub(tub).records) == len(donkeys(tub)) == int(recorded[1])
    assert {record.mode for record in Tub(tub).records} == {"user"}
    assert -0.5 in {record.angle for record in Tub(tub).records}


# The servo board's path through the program, from the command line to the guardian; there the simulated board is found.
REAL_SERVOS = """
import manage
from car import drivetrain
found = drivetrain.wanted_guardian
drivetrain.wanted_guardian = lambda _kind, *more, **named: found("simchip", *more, **named)
manage.main()
"""


@pytest.mark.parametrize("seen", ["camera", "footage"])
def test_real_servos_are_never_called_simulated_and_their_page_is_for_the_network(
    tmp_path: Path, driven_tub: Path, seen: str
) -> None:
    camera = f"tub:{driven_tub}" if seen == "footage" else "sim"
    arguments = ["drive", "--camera", camera, "--drivetrain", "pca9685", "--port", "0", "--car", str(tmp_path)]
    command = [sys.executable, "-c", REAL_SERVOS, *arguments]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    async def label(link: str) -> str:
        from tornado.websocket import websocket_connect

        return (await hear(await websocket_connect(link)))["label"]

    try:
        while not (found := re.search(r"http://(\S+):(\d+)/\?token=(\S+)", process.stdout.readline())):
            assert process.poll() is None
        host, port, token = found.groups()
        assert host != "127.0.0.1"
        with socket.create_connection(("127.0.0.2", int(port))):  # bound to more than 127.0.0.1
            pass
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/")
        expected = {"camera": "REAL SERVOS, VIRTUAL CAMERA", "footage": "REAL SERVOS, FOOTAGE"}[seen]
        assert asyncio.run(label(f"ws://127.0.0.1:{port}/wsDrive?token={token}")) == expected
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0, out
        assert "SIMULATED" not in out
        assert expected in out
    finally:
        process.kill()
        process.communicate()


def test_stop_in_autopilot_by_page_and_by_signal(drive: Drive) -> None:
    async def conversation() -> None:
        browser, watcher = await drive.connect(), await drive.connect()
        await hear(browser, throttle=0.2, driveMode="local")
        drive.process.send_signal(signal.SIGUSR1)
        await hear(browser, throttle=0.0, stopped=True, armed=False)
        thumb = asyncio.create_task(drive.hold(browser, angle=0.0))
        await say(browser, stop=False)
        await hear(browser, driver="you", stopped=False, throttle=0.0)
        await say(browser, arm=True)
        await hear(browser, throttle=0.2, armed=True)
        await say(watcher, stop=True)
        await hear(watcher, throttle=0.0, stopped=True)
        thumb.cancel()

    asyncio.run(conversation())
    drive.end()


def test_record_from_the_start_and_a_kill(tmp_path: Path) -> None:
    drive = Drive("--port", "0", "--record", "--car", tmp_path)

    async def conversation() -> int:
        browser = await drive.connect()
        await hear(browser, recording=True)
        while (state := await hear(browser))["num_records"] < 10:
            pass
        drive.process.kill()
        return state["num_records"]

    seen = asyncio.run(conversation())
    drive.process.communicate()
    [tub] = (tmp_path / "drives").glob("*-tub")
    assert len(Tub(tub).records) == len(list(Tub(tub).images())) == len(donkeys(tub)) >= seen
    record = donkeys(tub)[-1]
    assert {"pilot/action", "pilot/advantage_gap", "latency_ms", "model/id"} <= record.keys()
    assert re.fullmatch(r"\S+@[0-9a-f]{12}", record["model/id"])


def test_a_full_disk_ends_the_recording_and_not_the_drive(tmp_path: Path) -> None:
    """The disk: no file of the process may grow beyond 12,000 bytes, which its catalog wants to after two seconds."""
    limit = (12_000, 12_000)
    drive = Drive(
        "--port", "0", "--record", "--car", tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )  # fmt: skip

    async def conversation() -> None:
        browser = await drive.connect()
        state = await hear(browser, recording=False, armed=True, throttle=0.2)
        while not state["note"]:
            state = await hear(browser, throttle=0.2)
        assert state["note"].startswith("recording stopped: cannot write ")
        assert not state["recording"]
        for _ in range(5):
            await hear(browser, armed=True, throttle=0.2)

    asyncio.run(conversation())
    out = drive.end(1)
    assert "recording stopped: cannot write" in out
    assert "manage.py: cannot write" in out.splitlines()[-1]  # the film of the drive
    [tub] = (tmp_path / "drives").glob("*-tub")
    assert len(Tub(tub).records) == len(donkeys(tub)) > 0


def test_the_second_simulated_drive_says_where_its_page_is(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "settings.toml").write_text(f"[page]\nport = {port}\n")
        drive = Drive("--car", tmp_path)
        assert drive.port not in ("", str(port))
        assert drive.process.stdout.readline().startswith("SIMULATED")  # it drives: Ctrl-C is no failure now
        drive.end()


def test_a_port_that_was_asked_for_and_is_taken_is_one_line(manage, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_one_line(manage("drive", "--port", str(port), "--car", tmp_path), f"port {port}", "--no-page")


@pytest.mark.parametrize("arguments", [["--no-page"], ["--no-realtime", "--laps", "1"]])
def test_without_a_page_there_is_none(tmp_path: Path, arguments: list[str]) -> None:
    drive = Drive("--car", tmp_path, *arguments)
    assert drive.first.startswith("SIMULATED")
    drive.end() if arguments == ["--no-page"] else drive.process.communicate(timeout=120)
    assert not list((tmp_path / "drives").glob("*-tub"))


def test_recordings_of_recordings_are_refused(manage) -> None:
    assert_one_line(manage("drive", "--camera", "tub:x", "--record"), "--record of a recording would be a copy")


def test_in_a_terminal_the_link_stays_below_the_picture_and_space_stops(tmp_path: Path) -> None:
    child, terminal = pty.fork()
    if child == 0:
        manage = [str(PROJECT / "manage.py"), "drive", "--port", "0", "--car", str(tmp_path)]
        os.execv(sys.executable, [sys.executable, *manage])  # noqa: S606
    shown = b""

    def until(text: bytes) -> None:
        nonlocal shown
        deadline = time.monotonic() + 30
        while text not in shown:
            assert time.monotonic() < deadline, shown[-2000:]
            shown += os.read(terminal, 65536)

    for press, answer in (
        (b"", b"throttle +0.20"),
        (b" ", b"(stopped: let go of STOP, then arm again)"),
        (b"g", b"(not armed)"),
    ):
        os.write(terminal, press)
        until(answer)
    for below in (b"/?token=", b"space: STOP"):
        assert shown.count(below) > 2
    shown = b""
    os.write(terminal, b"g")
    until(b"throttle +0.20")
    os.write(terminal, b"\x03")  # Ctrl-C
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while os.read(terminal, 65536):
            pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)
