"""How soon the driver's page is live on a weak phone and a slow link, and what it weighs.

.venv/bin/python -m scripts.page_load      a simulated drive, Chromium slowed down; a table, medians of so many --rounds

Live: the car's state is on the page, and so is a picture of the camera. The processor is slowed down 6 times and the
link to 1.6 Mbit/s with 150 ms there and back, by Chromium's own means, which is what a middling phone on a busy
hotspot has.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from settings import PROJECT
from sim_bridge.rounds import machine

PROCESSOR_TIMES, LINK_BIT_PER_S, ROUND_TRIP_MS = 6, 1.6e6, 150
LIVE = "Boolean(document.getElementById('picture')?.naturalWidth && document.getElementById('best')?.textContent)"
TIMEOUT_S = 60.0


@contextlib.contextmanager
def driving() -> Iterator[str]:
    """A simulated car at its own pace; the link to its page."""
    with tempfile.TemporaryDirectory() as car:
        command = [sys.executable, str(PROJECT / "manage.py"), "drive", "--sim", "--port", "0", "--car", car]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101
            found = re.search(r"http://\S+", process.stdout.readline())
            if found is None:
                sys.exit("the car does not drive; type python manage.py drive --sim to see why")
            yield found[0]
        finally:
            process.terminate()
            process.wait()


def measure(browser: Any, link: str, *, slowed: bool) -> tuple[float, int, int]:
    """Of a browser that was never here: seconds until it is live, requests, bytes of all but the live pictures."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = context.new_page()
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(int(answer.headers.get("content-length", 0))))
    if slowed:
        tools = context.new_cdp_session(page)
        tools.send("Emulation.setCPUThrottlingRate", {"rate": PROCESSOR_TIMES})
        rate = LINK_BIT_PER_S / 8
        slow = {"offline": False, "latency": ROUND_TRIP_MS, "downloadThroughput": rate, "uploadThroughput": rate}
        tools.send("Network.enable")
        tools.send("Network.emulateNetworkConditions", slow)
    began_s = time.monotonic()
    page.goto(link, wait_until="commit")
    while not page.evaluate(LIVE):
        if time.monotonic() - began_s > TIMEOUT_S:
            sys.exit(f"the page is not live after {TIMEOUT_S:g} s; open {link} in a browser to see why")
        page.wait_for_timeout(20)
    live_s = time.monotonic() - began_s
    context.close()
    return live_s, len(sizes), sum(sizes)


def main() -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of the workshop

    parser = argparse.ArgumentParser(description="How soon the driver's page is live, and what it weighs.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("there is no Chromium here; type apt install chromium")
    table = Table(caption=str(machine(os.sched_getaffinity(0))))
    for heading in ("", "live after", "at worst", "requests", "bytes"):
        table.add_column(heading, justify="right" if heading else "left")
    slow = f"processor / {PROCESSOR_TIMES}, {LINK_BIT_PER_S / 1e6:g} Mbit/s, {ROUND_TRIP_MS} ms"
    with driving() as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        measure(browser, link, slowed=False)  # the browser itself starts
        for name, slowed in (("as it is", False), (slow, True)):
            found = [measure(browser, link, slowed=slowed) for _ in range(rounds)]
            seconds = [one[0] for one in found]
            live = (f"{statistics.median(seconds):.2f} s", f"{max(seconds):.2f} s")
            table.add_row(name, *live, str(found[0][1]), str(found[0][2]))
        browser.close()
    Console().print(table)


if __name__ == "__main__":
    main()
