"""donkeycar's own page, from its files as they are installed: it drives by our /wsDrive and sees by our /video."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tornado.template import Loader
from tornado.web import Application, RequestHandler, StaticFileHandler

from car.page import drive_server, seat
from tests.car.page.browser.conftest import Tab
from tests.car.page.car import Car, eventually

SPEC = find_spec("donkeycar")
WEB = Path(SPEC.submodule_search_locations[0]) / "parts" / "web_controller" / "templates"
THEIRS = r"/static/((?:bootstrap|ui)/.*|main\.js|nipple\.js|style\.css|jquery.*|.*\.(?:png|jpg))"


class TheirPage(RequestHandler):
    def get(self) -> None:
        self.finish(Loader(str(WEB)).load("vehicle.html").generate())


@pytest.fixture
def beside(chromium: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Car]:
    """A car whose server has donkeycar's page too, at /theirs."""
    ours = drive_server.application

    def both(*arguments: Any) -> Application:
        application = ours(*arguments)
        static = (THEIRS, StaticFileHandler, {"path": str(WEB / "static")})
        application.add_handlers(r".*", [("/theirs", TheirPage), static])
        return application

    monkeypatch.setattr(drive_server, "application", both)
    monkeypatch.setattr(seat, "SILENT_NS", 60_000_000_000)  # their page says nothing where nothing changes
    car = Car()
    yield car
    car.close()


def test_it_drives_records_and_sees(beside: Car, tab: Callable[..., Tab]) -> None:
    opened = tab(beside.page.link)  # leaves the cookie with the token
    opened.reads("label", "A TEST")
    opened.page.goto(f"http://127.0.0.1:{beside.page.server.port}/theirs")
    opened.until("document.getElementById('mpeg-image').naturalWidth === 160")
    opened.page.select_option("#mode_select", "local_angle")
    eventually(lambda: beside.mode == "local_angle", 60)
    opened.page.locator("#mode_select").blur()
    opened.page.keyboard.press("j")
    eventually(lambda: beside.steering < 0, 60)
    opened.page.keyboard.press("i")
    eventually(lambda: beside.throttle > 0, 60)
    opened.page.click("#record_button")
    eventually(lambda: beside.recording, 60)
    opened.until("document.getElementById('record_button').innerText.includes('Stop')")
    assert beside.page.shared.refused == 0
    opened.complaints.clear()  # files that its page names and its package lacks
