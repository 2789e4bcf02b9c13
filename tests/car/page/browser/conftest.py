"""A real Chromium, headless, that opens the page as a person's browser would."""

import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.car.page.car import Car

NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 960}}
PATIENT_MS = 60_000  # the machine does other work meanwhile


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """playwright's browser. Not for longer than this folder: while it is there, asyncio.run does not work."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on this machine: apt install chromium (.ci/install-system-packages does it)")
    api = pytest.importorskip("playwright.sync_api", reason="no playwright in this environment: make install-dev")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])  # a sandbox needs a user
        yield browser
        browser.close()


class Tab:
    """A page in a browser of its own, and all that its console complained of."""

    def __init__(self, chromium: Any, link: str, before: str = "", **options: Any) -> None:
        """before: a script that runs before the page's own."""
        self.context = chromium.new_context(**(DESKTOP | options))
        self.context.set_default_timeout(PATIENT_MS)
        self.complaints: list[str] = []
        self.page = self.context.new_page()
        if before:
            self.page.add_init_script(before)
        self.page.on("console", lambda said: self._note(said.type, said.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.answer = self.page.goto(link)

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def until(self, condition: str) -> None:
        """Until a JavaScript condition holds. playwright's own waiting evaluates a string, which the page forbids."""
        deadline_s = time.monotonic() + PATIENT_MS / 1000
        while not self.page.evaluate(condition):
            assert time.monotonic() < deadline_s, f"it never was so: {condition}"
            self.page.wait_for_timeout(50)

    def reads(self, element: str, text: str) -> None:
        """Until the element of this id has the text in it."""
        self.page.wait_for_selector(f"#{element}:has-text('{text}')")


@pytest.fixture
def tab(chromium: Any) -> Iterator[Callable[..., Tab]]:
    """Opens tabs; in the end no console may have complained."""
    tabs: list[Tab] = []

    def new(link: str, **options: Any) -> Tab:
        tabs.append(Tab(chromium, link, **options))
        return tabs[-1]

    yield new
    for one in tabs:
        one.context.close()
    assert [one.complaints for one in tabs if one.complaints] == []


@pytest.fixture
def car(chromium: Any) -> Iterator[Car]:
    """A loop around the page in this process, without a car behind it."""
    car = Car()
    yield car
    car.close()
