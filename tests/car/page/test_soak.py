"""Pages and viewers that come and go for a while, most of them rudely: memory stays flat.

SOAK_S=600 .venv/bin/python -m pytest -m slow -s tests/car/page/test_soak.py     prints it, for ten minutes
"""

import asyncio
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from settings import PROJECT
from tests.car.page.test_server import hear, say
from tests.car.test_soak import MOST_GROWTH_MB, WARM_S, Watched

SOAK_S = float(os.environ.get("SOAK_S", "90"))
VIEWERS = 5
ROWS = 10  # of what is printed


def visit(port: int, token: str, random_: random.Random) -> None:
    """A viewer watches for a moment, then closes, resets, or is silent."""
    viewer = socket.create_connection(("127.0.0.1", port))
    viewer.settimeout(10)
    path = random_.choice(["/video", "/policy", "/status", "/", "/drives"])
    viewer.sendall(f"GET {path}?token={token} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    for _ in range(random_.randrange(1, 6)):
        viewer.recv(65536)
        if path not in ("/video", "/policy"):
            break
    if random_.random() < 0.6:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    viewer.close()


async def drive_for_a_moment(link: str, random_: random.Random) -> None:
    from tornado.websocket import websocket_connect

    page = await websocket_connect(link)
    await hear(page)
    for _ in range(random_.randrange(1, 10)):
        await say(page, angle=random_.uniform(-1, 1), throttle=0.0, drive_mode="local", arm=True)
        await asyncio.sleep(0.05)
    if random_.random() < 0.5:
        await page.write_message("garbage")
    page.close() if random_.random() < 0.5 else page.stream.close()


@pytest.mark.slow
def test_visitors_leave_nothing(tmp_path: Path) -> None:
    assert SOAK_S > WARM_S
    command = [sys.executable, PROJECT / "manage.py", "drive", "--sim", "--port", "0", "--car", tmp_path]
    with (tmp_path / "shown").open("w") as shown:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=shown, text=True)
    try:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", process.stdout.readline())
        port, token, random_ = int(found[1]), found[2], random.Random(1)  # noqa: S311
        link = f"ws://127.0.0.1:{port}/wsDrive?token={token}"
        drive, began_s, warm_mb, next_row_s, visits = Watched("drive", process.pid), time.monotonic(), 0.0, 0.0, 0
        print(f"\n{'seconds':>8}{'drive MB':>10}{'visits':>8}")
        while (at_s := time.monotonic() - began_s) < SOAK_S:
            for _ in range(VIEWERS):
                visit(port, token, random_)
            asyncio.run(drive_for_a_moment(link, random_))
            visits += VIEWERS + 1
            if at_s > WARM_S and not warm_mb:
                warm_mb = drive.memory_mb()
            if at_s > next_row_s:
                next_row_s += SOAK_S / ROWS
                print(f"{at_s:8.0f}{drive.memory_mb():10.1f}{visits:8}", flush=True)
        assert process.poll() is None
        assert drive.memory_mb() <= warm_mb + MOST_GROWTH_MB
        descriptors = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        assert descriptors < 60, descriptors
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)  # it draws the film
        assert process.returncode == 0, (tmp_path / "shown").read_text()
    finally:
        process.kill()
        process.communicate()
