"""Calibration by clicks, from a real browser to the simulated chip.

SCREENSHOTS=docs .venv/bin/python -m pytest tests/car/page/browser/test_calibrating.py -k steering_by_clicks     makes
docs/page-calibrate-phone.png
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.car.page.browser.calibrating import Calibrating, press, type_in
from tests.car.page.browser.conftest import DESKTOP, PHONE, Tab

Start = Callable[[str], Calibrating]


@pytest.fixture
def start(chromium: Any, tmp_path: Path) -> Iterator[Start]:
    """Starts a calibration."""
    started: list[Calibrating] = []

    def new(what: str) -> Calibrating:
        started.append(Calibrating(what, tmp_path))
        return started[-1]

    yield new
    for one in started:
        one.close()


def test_steering_by_clicks(tab: Callable[..., Tab], start: Start, tmp_path: Path) -> None:
    steering = start("steering")
    opened = tab(steering.link, **PHONE | {"color_scheme": "light"})
    opened.reads("label", "SIMULATED")
    opened.reads("question", "Are they off the ground")
    assert opened.page.locator("#typing").is_hidden()
    press(opened, "yes", "wheels", "+10", "+10")
    opened.reads("question", "1520 us")
    picture = opened.page.screenshot(path=Path(os.environ.get("SCREENSHOTS", tmp_path)) / "page-calibrate-phone.png")
    assert len(picture) > 20_000  # there is something on it
    press(opened, "take it", "−50", "−50", "−10", "take it")
    type_in(opened, "+99")
    opened.reads("said", "that is no step")
    type_in(opened, "+40")
    opened.reads("question", "1560 us")
    press(opened, "+50", "try again", "take it")
    opened.reads("end", "saved in")
    assert opened.page.inner_text("[data-name=left_us]") == "1410"
    steering.ends(0, "saved in")
    found = steering.saved.steering
    assert (found.left_us, found.centre_us, found.right_us) == (1410, 1520, 1610)
    stood = steering.chip.history()
    assert all(standing.neutral for standing in stood)
    assert {1410, 1520, 1610} <= {round(standing.steering_us / 10) * 10 for standing in stood}
    opened.page.wait_for_timeout(1000)  # what it found stays, and no console complains of a link that is gone
    assert opened.page.inner_text("#driver") == "over"


def test_throttle_by_clicks_in_bursts_that_end(tab: Callable[..., Tab], start: Start) -> None:
    throttle = start("throttle")
    opened = tab(throttle.link)
    press(opened, "yes", "take it", "+10", "+10", "+10", "take it", "forward", "+50", "take it", "brake-first")
    press(opened, "−10", "−10", "take it", "−50", "−10", "−10", "−10", "take it")
    opened.reads("end", "saved in")
    throttle.ends(0, "saved in")
    found = throttle.saved.throttle
    assert (found.reverse_us, found.neutral_us, found.forward_us, found.deadband_us) == (1400, 1500, 1580, 30)
    assert found.reverse == "brake-first"
    bursts_ms = throttle.chip.bursts_ms()
    assert len(bursts_ms) >= 10
    assert max(bursts_ms) < 600  # 500, and a late scheduler


@pytest.mark.parametrize("by", ["button", "space", "another page"])
def test_stop_in_the_middle_of_a_burst(tab: Callable[..., Tab], start: Start, by: str) -> None:
    throttle = start("throttle")
    opened = tab(throttle.link)
    opened.reads("driver", "you answer")
    watching = tab(throttle.link)
    watching.reads("driver", "another page answers")
    press(opened, "yes", "take it", "+50")
    throttle.chip.wait_moving()
    if by == "space":
        opened.page.keyboard.press(" ")
    else:
        (watching if by == "another page" else opened).page.click("#stop")
    throttle.ends(1, "STOP was pressed: nothing was saved")
    for one in (opened, watching):
        one.reads("end", "STOP was pressed: nothing was saved")
    assert throttle.saved is None


def test_stop_while_it_asks_and_without_a_socket(tab: Callable[..., Tab], start: Start) -> None:
    steering = start("steering")
    opened = tab(
        steering.link,
        before="""
        const send = WebSocket.prototype.send;
        Object.defineProperty(WebSocket.prototype, "readyState", {get() { return window.cut ? 3 : 1; }});
    """,
    )
    opened.reads("driver", "you answer")
    press(opened, "yes")
    opened.reads("question", "What moved")
    opened.page.evaluate("window.cut = true")
    opened.page.click("#stop")
    steering.ends(1, "STOP was pressed: nothing was saved")
    assert steering.saved is None


def test_a_tab_that_is_closed_ends_it(tab: Callable[..., Tab], start: Start) -> None:
    throttle = start("throttle")
    opened = tab(throttle.link)
    press(opened, "yes", "take it", "+50")
    throttle.chip.wait_moving()
    opened.page.close()
    throttle.ends(1, "nobody answers: nothing was saved")
    assert throttle.saved is None


@pytest.mark.parametrize("gone", ["closed", "silent"])
def test_a_page_that_is_gone_stops_a_car_on_the_floor(tab: Callable[..., Tab], start: Start, gone: str) -> None:
    vehicle = start("vehicle")
    opened = tab(vehicle.link)
    type_in(opened, "0.17")
    press(opened, "yes", "go on (Enter)")
    vehicle.chip.wait_moving()
    if gone == "closed":
        opened.page.close()
    else:
        opened.page.evaluate('Object.defineProperty(document, "hidden", {value: true})')
    vehicle.ends(1, "the page was closed")
    assert max(vehicle.chip.bursts_ms()) < 900  # of a run of 1 s
    assert vehicle.saved is None


def test_a_page_that_is_loaded_again_goes_on_and_one_that_watched_takes_over(
    tab: Callable[..., Tab], start: Start
) -> None:
    steering = start("steering")
    opened = tab(steering.link)
    press(opened, "yes", "wheels", "+10")
    opened.reads("question", "1510 us")
    opened.page.reload()
    opened.reads("driver", "you answer")
    opened.reads("question", "1510 us")
    opened.reads("said", "CENTRE")
    watching = tab(steering.link)
    watching.reads("driver", "another page answers")
    assert watching.page.locator("#choices button").first.is_disabled()
    opened.page.close()
    watching.reads("driver", "you answer")
    press(watching, "+10")
    watching.reads("question", "1520 us")


def test_a_word_that_stops_the_procedure_is_shown(tab: Callable[..., Tab], start: Start) -> None:
    steering = start("steering")
    opened = tab(steering.link)
    press(opened, "yes", "motor")
    opened.reads("end", "swap the two plugs")
    steering.ends(1, "swap the two plugs")


def test_a_number_with_its_unit_is_typed(tab: Callable[..., Tab], start: Start) -> None:
    oscillator = start("oscillator")
    opened = tab(oscillator.link)
    press(opened, "yes")
    opened.reads("question", "what it shows")
    opened.page.click("#typed")
    opened.page.keyboard.type("61.8 Hz")  # the space bar is a space there
    opened.page.keyboard.press("Enter")
    opened.reads("end", "saved in")
    oscillator.ends(0, "saved in")
    assert oscillator.saved.chip.oscillator_hz == pytest.approx(61.8 * 4096 * 102)


def test_a_wrong_token_is_refused(tab: Callable[..., Tab], start: Start) -> None:
    steering = start("steering")
    opened = tab(steering.link + "x")
    assert opened.answer.status == 403
    assert opened.page.query_selector("#stop") is None
    assert (
        opened.page.evaluate("""() => new Promise((resolve) => {
        const socket = new WebSocket(location.origin.replace("http", "ws") + "/wsCalibrate");
        socket.onopen = () => resolve("open");
        socket.onerror = () => resolve("refused");
    })""")
        == "refused"
    )
    post = 'fetch("/", {method: "POST", body: \'{"stop": true}\'}).then((answer) => answer.status)'
    assert opened.page.evaluate(post) == 403
    opened.complaints.clear()  # of the 403
    assert steering.process.poll() is None


GARBAGE = ["", "\0", "{}{}", "[" * 900, '{"to": 1}x', '{"to": "1", "answer": "yes"}', '{"to": 1, "answer": 7}',
    json.dumps({"to": 1, "answer": "y" * 41}), '{"to": 1, "answer": "yes", "throttle": 1}']  # fmt: skip


def test_garbage_on_the_socket_answers_nothing(tab: Callable[..., Tab], start: Start) -> None:
    steering = start("steering")
    kept = "window.WebSocket = class extends WebSocket { constructor(to) { super(to); window.own = this; } };"
    opened = tab(steering.link, before=kept)
    opened.reads("driver", "you answer")
    opened.page.evaluate(
        """async (garbage) => {
            const own = window.own; // of the page that answers: all else about these messages is right
            for (const one of garbage) own.send(one);
            own.send(new Uint8Array([255]));
            const socket = new WebSocket(location.origin.replace("http", "ws") + "/wsCalibrate");
            await new Promise((resolve) => { socket.onopen = resolve; });
            socket.onmessage = (event) => { window.refused = JSON.parse(event.data).refused; };
            socket.send('{"to": 1, "answer": "yes"}'); // a message, but of one who watches
            for (const body of ['{"to": 1, "answer": "yes"}', "garbage"]) await fetch("/", {method: "POST", body});
        }""",
        GARBAGE,
    )
    opened.until(f"window.refused === {len(GARBAGE) + 3}")
    opened.complaints.clear()  # of what was posted
    opened.reads("question", "Are they off the ground")
    press(opened, "yes")
    opened.reads("question", "What moved")


@pytest.mark.parametrize("options", [PHONE, DESKTOP, PHONE | {"viewport": {"width": 320, "height": 568}}])
def test_stop_is_always_on_screen_and_axe_finds_nothing(
    tab: Callable[..., Tab], start: Start, options: dict[str, Any]
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    steering = start("steering")
    for scheme in ("light", "dark"):
        opened = tab(steering.link, **options | {"color_scheme": scheme})
        if scheme == "light":
            press(opened, "yes", "wheels")
        opened.reads("question", "1500 us")
        width, height = options["viewport"]["width"], options["viewport"]["height"]
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        box = opened.page.locator("#stop").bounding_box()
        assert 0 <= box["y"] <= height - box["height"]
        violations = Axe().run(opened.page).response["violations"]
        found = [(one["id"], one["nodes"][0]["html"]) for one in violations if one["impact"] in ("serious", "critical")]
        assert found == []
        opened.page.close()
