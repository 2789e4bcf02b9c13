"""Who has no business here: nobody without the link, no page of somebody else's, nothing but messages."""

import http.server
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.car.page.browser.conftest import Tab
from tests.car.page.car import Car, eventually

HOSTILE = """<!doctype html><title>free games</title><script>
const done = {};
async function attack(address) {
  const send = (path, options) => fetch(address + path, {credentials: "include", mode: "no-cors", ...options});
  try { done.post = (await send("/drive", {method: "POST", body: '{"throttle": 0.2, "arm": true}'})).type; }
  catch (error) { done.post = "failed"; }
  try { done.status = await (await fetch(address + "/status", {credentials: "include"})).text(); }
  catch (error) { done.status = "failed"; }
  done.socket = await new Promise((resolve) => {
    const socket = new WebSocket(address.replace("http", "ws") + "/wsDrive");
    socket.onopen = () => { socket.send('{"throttle": 0.2, "arm": true}'); resolve("open"); };
    socket.onerror = () => resolve("failed");
  });
  done.picture = await new Promise((resolve) => {
    const picture = new Image();
    picture.onload = () => resolve("seen");
    picture.onerror = () => resolve("failed");
    picture.src = address + "/video";
  });
  done.all = true;
}
</script>"""


@pytest.fixture
def hostile() -> Iterator[int]:
    """The port of somebody else's web server on this machine."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(HOSTILE.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_without_the_token_there_is_no_page(car: Car, tab: Callable[..., Tab]) -> None:
    opened = tab(f"http://127.0.0.1:{car.page.server.port}/")
    assert opened.answer.status == 403
    assert "needs the link that the program printed" in opened.page.inner_text("body")
    assert opened.page.query_selector("#stop") is None
    opened.complaints.clear()  # of the 403


def test_with_it_the_page_is_live_and_again_when_reloaded_without(car: Car, tab: Callable[..., Tab]) -> None:
    opened = tab(car.page.link)
    opened.reads("label", "A TEST")
    opened.until("document.getElementById('picture').naturalWidth === 160")
    opened.page.goto(f"http://127.0.0.1:{car.page.server.port}/drive")  # by the cookie
    opened.reads("label", "A TEST")
    opened.page.reload()
    opened.reads("label", "A TEST")
    opened.reads("driver", "nobody drives by hand")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])  # another site; another port of the same
def test_a_page_of_another_origin_moves_and_sees_nothing(
    car: Car, hostile: int, tab: Callable[..., Tab], host: str
) -> None:
    opened = tab(car.page.link)
    opened.reads("label", "A TEST")
    opened.page.goto(f"http://{host}:{hostile}/")
    opened.page.evaluate(f"attack('http://127.0.0.1:{car.page.server.port}')")
    opened.until("done.all")
    done = opened.page.evaluate("done")
    assert (done["status"], done["socket"], done["picture"]) == ("failed", "failed", "failed"), done
    assert car.page.shared.seat.command() is None
    assert (car.throttle, car.armed) == (0.0, False)
    assert car.page.server.camera.encodings == 0 or car.page.server.camera.viewers == 0
    opened.complaints.clear()  # its own


def test_garbage_on_the_socket_moves_nothing_and_is_counted(car: Car, tab: Callable[..., Tab]) -> None:
    opened = tab(car.page.link)
    opened.reads("label", "A TEST")
    opened.page.evaluate("""async () => {
        const socket = new WebSocket(location.origin.replace("http", "ws") + "/wsDrive");
        await new Promise((resolve) => { socket.onopen = resolve; });
        for (const garbage of ["", "\\0", "{}{}", '{"angle": "abc", "throttle": 99, "drive_mode": "bogus"}',
                               '{"throttle": 1e999}', "[".repeat(900), new Uint8Array([255])]) socket.send(garbage);
    }""")
    opened.reads("numbers", "messages refused")
    eventually(lambda: car.page.shared.refused == 7)
    assert (car.steering, car.throttle, car.mode, car.armed, car.stop) == (0.0, 0.0, "user", False, False)
