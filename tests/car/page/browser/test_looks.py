"""How the page looks, what it weighs, and who can use it.

SCREENSHOTS=docs .venv/bin/python -m pytest tests/car/page/browser/test_looks.py     makes docs/page-*.png
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from settings import PROJECT
from tests.car.hazards import take_precedence
from tests.car.page.browser.conftest import DESKTOP, PHONE, Tab

MOST_BYTES = 300_000
SIDEWAYS = PHONE | {"viewport": {"width": 844, "height": 390}}
LOOKS = {"phone": PHONE | {"color_scheme": "light"}, "desktop": DESKTOP | {"color_scheme": "dark"}}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def link(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a simulated car that the policy drives."""
    folder = tmp_path_factory.mktemp("car")
    command = [sys.executable, PROJECT / "manage.py", "drive", "--sim", "--port", "0", "--car", folder, "--record"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found
    take_precedence(process)
    yield found[0]
    process.kill()
    process.communicate()


def live(opened: Tab) -> None:
    """All that is shown has something to show."""
    opened.reads("best", "best: ")
    opened.until("document.getElementById('picture').naturalWidth === 160")
    opened.until("document.getElementById('observation').naturalWidth === 64")
    opened.until("document.querySelector('[data-chart=steering] polyline').points.length > 100")


@pytest.mark.parametrize("look", LOOKS)
def test_a_screenshot(tab: Callable[..., Tab], link: str, tmp_path: Path, look: str) -> None:
    opened = tab(link, **LOOKS[look])
    live(opened)
    opened.page.wait_for_timeout(8000)  # strip charts that are full
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    picture = opened.page.screenshot(path=folder / f"page-{look}.png")
    assert len(picture) > 20_000  # there is something on it
    if look == "phone":
        opened.page.locator("#thinking").scroll_into_view_if_needed()
        opened.page.evaluate("scrollTo(0, document.getElementById('thinking').offsetTop - 8)")
        opened.page.screenshot(path=folder / "page-phone-below.png")


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_serious(tab: Callable[..., Tab], link: str, look: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    opened = tab(link, **LOOKS[look])
    live(opened)
    opened.page.click("#shelf summary")
    opened.page.click("#list button:has-text('Watch')")
    opened.page.wait_for_selector(".film img")
    found = Axe().run(opened.page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS] == []


def test_nothing_is_cut_off_and_stop_is_always_on_screen(tab: Callable[..., Tab], link: str) -> None:
    for options in (PHONE, SIDEWAYS, DESKTOP, PHONE | {"viewport": {"width": 320, "height": 568}}):
        opened = tab(link, **options)
        opened.reads("label", "SIMULATED")
        width, height = options["viewport"]["width"], options["viewport"]["height"]
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        for place in (0, 10_000):
            opened.page.evaluate(f"scrollTo(0, {place})")
            box = opened.page.locator("#stop").bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert 0 <= box["y"] <= height - box["height"]
            at = f"document.elementFromPoint({box['x'] + box['width'] / 2}, {box['y'] + box['height'] / 2}).id"
            assert opened.page.evaluate(at) == "stop"  # nothing lies over it


def test_what_it_weighs_and_that_all_of_it_comes_from_the_car(tab: Callable[..., Tab], link: str) -> None:
    opened = tab("about:blank")
    sizes: dict[str, int] = {}
    opened.page.on("response", lambda answer: sizes.update({answer.url: int(answer.headers.get("content-length", 0))}))
    opened.page.goto(link)
    live(opened)
    assert all(address.startswith(link.partition("?")[0]) for address in sizes), sizes
    assert 5_000 < sum(sizes.values()) < MOST_BYTES, sizes
    print(f"\n{len(sizes)} requests, {sum(sizes.values())} bytes, without the live pictures")


def test_a_hidden_tab_watches_nothing(tab: Callable[..., Tab], link: str) -> None:
    opened = tab(link)
    live(opened)
    opened.page.evaluate("""Object.defineProperty(document, "hidden", {value: true});
        document.dispatchEvent(new Event("visibilitychange"))""")
    status = link.replace("/?", "/status?")
    opened.until(f"fetch('{status}').then((answer) => answer.json()).then(({{viewers}}) => viewers === 0)")
