"""donkeycar's own page, from its files as they are installed: it drives by our /wsDrive and sees by our /video."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tornado.template import Loader

from car.page import seat
from tests.car.page.browser.conftest import Tab
from tests.car.page.car import Car, eventually

SPEC = find_spec("donkeycar")
WEB = Path(SPEC.submodule_search_locations[0]) / "parts" / "web_controller" / "templates"


def test_it_drives_records_and_sees(tab: Callable[..., Tab], car: Car, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat, "SILENT_NS", 60_000_000_000)  # it says nothing where nothing changes
    opened = tab(car.page.link)  # leaves the cookie with the token
    opened.reads("label", "A TEST")
    theirs = Loader(str(WEB)).load("vehicle.html").generate()

    def static(route: Any) -> None:
        file = WEB / "static" / route.request.url.partition("/static/")[2]
        route.fulfill(path=file) if file.is_file() else route.fulfill(status=404)

    opened.page.route("**/drive", lambda route: route.fulfill(body=theirs, content_type="text/html"))
    opened.page.route("**/static/**", static)
    opened.page.goto(f"http://127.0.0.1:{car.page.server.port}/drive")
    opened.until("document.getElementById('mpeg-image').naturalWidth === 160")
    opened.page.select_option("#mode_select", "local_angle")
    eventually(lambda: car.mode == "local_angle", 60)
    opened.page.keyboard.press("j")
    eventually(lambda: car.steering < 0, 60)
    opened.page.keyboard.press("i")
    eventually(lambda: car.throttle > 0, 60)
    opened.page.click("#record_button")
    eventually(lambda: car.recording, 60)
    opened.until("document.getElementById('record_button').innerText.includes('Stop')")
    assert car.page.shared.refused == 0
    opened.complaints.clear()  # files that its page names and its package lacks
