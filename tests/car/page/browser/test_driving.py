"""The whole program on a simulated car, driven from a browser; what comes of it is read off the simulated chip."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.car.hazards import Chip, Drive, take_precedence
from tests.car.page.browser.conftest import PHONE, Tab
from tests.car.page.car import eventually

# A pad as the browser would tell of one: the machines that run this have none.
PAD = """
const pad = {index: 0, id: "Stand-in (STANDARD GAMEPAD)", mapping: "standard", connected: true, axes: [0, 0, 0, 0],
             buttons: Array.from({length: 17}, () => ({pressed: false, value: 0}))};
window.pads = [pad];
navigator.getGamepads = () => window.pads;
"""


class Driven:
    """`drive --drivetrain simchip`: its link, its chip."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chip = Chip(folder)
        arguments = ("--port", "0", "--mode", "user")
        self.drive = Drive(folder, *arguments, armed=False, stdout=subprocess.PIPE)
        self.link = self.drive.page_socket().replace("ws://", "http://").replace("/wsDrive", "/")
        self.address = self.link.replace("/?", "/status?")
        self.chip.wait(lambda standing: standing.throttle_us > 0, "the guardian's first pulse")
        take_precedence(self.drive.process)

    def status(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.address) as answer:  # noqa: S310 - ours
            return json.load(answer)

    def moves(self) -> None:
        self.chip.wait_moving()

    def stands(self) -> None:
        self.chip.wait(lambda standing: standing.neutral, "neutral")

    def close(self) -> None:
        self.drive.end()
        self.chip.close()


@pytest.fixture(scope="module")
def running(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    driven = Driven(tmp_path_factory.mktemp("car"))
    yield driven
    driven.close()


@pytest.fixture
def driven(running: Driven) -> Driven:
    """As the last test left it, but that nobody drives, and nothing is armed or stopped."""
    eventually(lambda: running.status()["driver"] == "nobody", 60)
    return running


def arm(opened: Tab) -> None:
    """As a person would, who looks: once more where the car, on a busy machine, has disarmed meanwhile."""
    for _ in range(100):
        words = opened.page.inner_text("#arm")
        if words == "Disarm":
            return
        opened.page.click("#arm")
        opened.page.wait_for_timeout(500)
    raise AssertionError("it is never armed")


def hold(opened: Tab, driven: Driven, press: Callable[[], None]) -> None:
    """Arm, then press until the motor turns."""
    for _ in range(20):
        arm(opened)
        press()
        for _ in range(100):
            if not driven.chip.now().neutral:
                return
            opened.page.wait_for_timeout(20)
    raise AssertionError(f"the motor never turned: {driven.status()}")


def test_the_keyboard_drives_the_simulated_car(tab: Callable[..., Tab], driven: Driven) -> None:
    opened = tab(driven.link)
    opened.reads("label", "SIMULATED")
    before = driven.status()["sim"]["position_m"]
    opened.page.click("[data-mode=user]")
    hold(opened, driven, lambda: opened.page.keyboard.down("ArrowUp"))
    opened.page.keyboard.down("ArrowLeft")
    eventually(lambda: driven.status()["steering"] == -1, 30)
    assert driven.status()["throttle"] <= 0.2  # the cap
    eventually(lambda: driven.status()["sim"]["position_m"] != before, 30)
    opened.reads("driver", "you drive")
    opened.page.keyboard.up("ArrowUp")
    opened.page.keyboard.up("ArrowLeft")
    driven.stands()
    eventually(lambda: driven.status()["steering"] == 0, 30)
    opened.page.click("#arm")  # disarms
    opened.reads("arm", "Arm")


def test_the_three_modes(tab: Callable[..., Tab], driven: Driven) -> None:
    opened = tab(driven.link)
    for press, mode in (("[data-mode=local_angle]", "local_angle"), ("[data-mode=local]", "local")):
        opened.page.click(press)
        opened.page.wait_for_selector(f"[data-mode={mode}][aria-pressed=true]")
        assert driven.status()["driveMode"] == mode
    opened.page.keyboard.press("u")
    opened.page.wait_for_selector("[data-mode=user][aria-pressed=true]")
    assert driven.status()["driveMode"] == "user"


@pytest.mark.parametrize("stop", ["button", "space"])
def test_stop_in_autopilot(tab: Callable[..., Tab], driven: Driven, stop: str) -> None:
    opened, watcher = tab(driven.link), tab(driven.link, **PHONE)
    opened.page.click("[data-mode=local]")
    hold(opened, driven, lambda: None)
    if stop == "button":
        watcher.page.tap("#stop")  # by one who does not drive
    else:
        opened.page.keyboard.press(" ")
    driven.stands()
    opened.reads("stop", "STOPPED")
    opened.reads("numbers", "STOP was pressed")
    time.sleep(0.5)
    assert driven.chip.now().neutral
    assert driven.status()["stopped"]
    opened.page.click("#arm")  # releases
    opened.reads("arm", "Arm")
    assert driven.chip.now().neutral  # armed by an act of its own
    opened.page.keyboard.press("u")


def test_a_tab_that_is_closed_stops_the_car(tab: Callable[..., Tab], driven: Driven) -> None:
    opened, watcher = tab(driven.link), tab(driven.link)
    opened.page.keyboard.press("u")
    hold(opened, driven, lambda: opened.page.keyboard.down("ArrowUp"))
    event_ns = time.monotonic_ns()
    opened.page.close()
    driven.chip.neutral_ms(event_ns, 60)  # how fast is tests/car/test_hazards.py's affair
    watcher.reads("note", "the page that drove was closed")
    assert not driven.status()["armed"]


def test_two_drivers_one_drives_the_other_watches_until_it_may(tab: Callable[..., Tab], driven: Driven) -> None:
    first, second = tab(driven.link), tab(driven.link)
    first.page.click("[data-mode=user]")
    first.reads("driver", "you drive")
    second.reads("driver", "another page drives; you watch")
    second.page.click("[data-mode=local]")
    second.page.keyboard.down("ArrowUp")
    second.page.wait_for_timeout(500)
    second.page.keyboard.up("ArrowUp")
    assert (driven.status()["driveMode"], driven.status()["throttle"]) == ("user", 0)
    first.page.close()
    second.reads("driver", "nobody drives by hand")
    second.page.click("[data-mode=user]")
    second.reads("driver", "you drive")


def test_reloading_while_driving_stops_the_car_and_drives_again(tab: Callable[..., Tab], driven: Driven) -> None:
    opened = tab(driven.link)
    opened.page.keyboard.press("u")
    hold(opened, driven, lambda: opened.page.keyboard.down("ArrowUp"))
    opened.page.reload()
    opened.reads("label", "SIMULATED")
    driven.stands()
    opened.page.keyboard.up("ArrowUp")
    hold(opened, driven, lambda: opened.page.keyboard.down("ArrowUp"))


def test_a_thumb_on_the_joystick(tab: Callable[..., Tab], driven: Driven) -> None:
    opened = tab(driven.link, **PHONE)
    opened.reads("label", "SIMULATED")
    opened.page.tap("[data-mode=user]")
    box = opened.page.locator("#joystick").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def push() -> None:
        opened.page.mouse.move(x, y)
        opened.page.mouse.down()
        opened.page.mouse.move(x + box["width"], y - box["height"])  # beyond its border: as far as it goes

    hold(opened, driven, push)
    eventually(lambda: driven.status()["steering"] == 1, 30)
    opened.page.mouse.up()
    driven.stands()


def test_a_game_pad_at_the_browser(tab: Callable[..., Tab], driven: Driven) -> None:
    opened = tab(driven.link, before=PAD)
    opened.reads("pad", "game pad: Stand-in")
    press = """number => new Promise(done => { pads[0].buttons[number].pressed = true;
        setTimeout(() => { pads[0].buttons[number].pressed = false; setTimeout(done, 200); }, 200); })"""
    opened.page.evaluate("() => { pads[0].axes[0] = 0.05; }")  # a stick that does not come back to the middle
    opened.page.wait_for_timeout(300)
    assert driven.status()["driver"] == "nobody"
    opened.page.keyboard.press("u")
    hold(opened, driven, lambda: opened.page.evaluate("() => { pads[0].axes = [-1, 0, 0, -1]; }"))
    eventually(lambda: driven.status()["steering"] == -1, 30)
    opened.page.evaluate(press, 0)  # the cross: STOP
    driven.stands()
    assert driven.status()["stopped"]
    opened.page.evaluate("() => { pads[0].axes = [0, 0, 0, 0]; }")
    opened.page.evaluate(press, 9)  # releases
    opened.reads("arm", "Arm")
    hold(opened, driven, lambda: opened.page.evaluate("() => { pads[0].axes = [0, 0, 0, -1]; }"))
    opened.page.evaluate("() => { window.pads = [null]; }")  # its batteries are empty
    driven.stands()
    opened.reads("driver", "nobody drives by hand")


def test_record_watch_score_download_and_delete(tab: Callable[..., Tab], driven: Driven) -> None:
    opened = tab(driven.link)
    opened.page.keyboard.press("u")
    opened.page.click("#record")
    hold(opened, driven, lambda: opened.page.keyboard.down("ArrowUp"))
    eventually(lambda: driven.status()["num_records"] > 40, 60)
    opened.page.click("#record")
    opened.reads("record", "Record")
    (own,) = (driven.folder / "drives").glob("*-tub")
    older = own.with_name("2026-01-02-030405-tub")  # of a drive that has ended: this one's own cannot be deleted
    subprocess.run(["cp", "-r", own, older], check=True)
    opened.page.click("#shelf summary")
    row = f"[data-drive='{older.name}']"
    opened.page.wait_for_selector(f"{row} img")
    assert opened.page.is_disabled(f"[data-drive='{own.name}'] button:has-text('Delete')")
    opened.page.click(f"{row} button:has-text('Watch')")
    opened.page.wait_for_selector(f"{row} .film img")
    opened.until(f'document.querySelector("{row} .film img").naturalWidth === 160')
    opened.until(f'Number(document.querySelector("{row} input").value) > 5')  # it plays
    opened.page.click(f"{row} button:has-text('Score')")
    opened.page.wait_for_selector(f"{row} .result:has-text('like the human')")
    opened.page.wait_for_selector(f"{row} .curves .policy[points]", state="attached")
    with opened.page.expect_download() as loading:
        opened.page.click(f"{row} a")
    assert loading.value.suggested_filename == f"{older.name}.zip"
    opened.page.click(f"{row} button:has-text('Delete')")
    opened.page.click(f"{row} button:has-text('Keep')")
    assert older.exists()
    opened.page.click(f"{row} button:has-text('Delete')")
    opened.page.click(f"{row} button:has-text('Yes, delete')")
    opened.page.wait_for_selector(row, state="detached")
    assert not older.exists()
    assert own.exists()
