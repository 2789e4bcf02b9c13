"""A real server, real sockets. The loop around the page runs in a thread (tests/car/page/car.py)."""

import asyncio
import contextlib
import json
import logging
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from car.page import seat, state_socket, video
from car.page.budget import AT_ONCE, MOST_DROPPED
from car.page.part import LEFT, Page
from car.page.recordings import Recordings
from car.page.status import About
from errors import UserError
from tests.car.page.car import FRAME, Car, eventually

ABOUT = About("A TEST", 0.2)


@pytest.fixture
def car(monkeypatch: pytest.MonkeyPatch) -> Iterator[Car]:
    """Patient with a driver on a machine that is busy with other tests; tests/car/test_people.py has the real time."""
    monkeypatch.setattr(seat, "SILENT_NS", 1_500_000_000)
    car = Car()
    yield car
    car.close()


def address(car: Car, path: str, token: str | None = None, scheme: str = "http") -> str:
    server = car.page.server
    return f"{scheme}://127.0.0.1:{server.port}{path}?token={server.token if token is None else token}"


def fetch(car: Car, path: str, token: str | None = None, **options: Any) -> HTTPResponse:
    async def ask() -> HTTPResponse:
        return await AsyncHTTPClient().fetch(address(car, path, token), raise_error=False, **options)

    return asyncio.run(ask())


def talk(car: Car, conversation: Callable[[WebSocketClientConnection], Awaitable[None]], **headers: str) -> None:
    async def whole() -> None:
        socket = await websocket_connect(HTTPRequest(address(car, "/wsDrive", scheme="ws"), headers=headers))
        await conversation(socket)
        socket.close()

    asyncio.run(asyncio.wait_for(whole(), 60))


async def say(socket: WebSocketClientConnection, **said: object) -> None:
    await socket.write_message(json.dumps(said))


async def hear(socket: WebSocketClientConnection, **wanted: object) -> dict[str, Any]:
    """The next state in which these hold, with what is said once at the beginning."""
    deadline, state = time.monotonic() + 10, {}
    while time.monotonic() < deadline:
        state |= json.loads(await socket.read_message())
        if wanted.items() <= state.items():
            return state
    raise AssertionError(f"it was never so: {wanted}; at last {state}")


@pytest.mark.parametrize("path", ["/", "/drive", "/video"])
@pytest.mark.parametrize("token", ["", "wrong", "ü"])
def test_nothing_without_the_token(car: Car, path: str, token: str) -> None:
    response = fetch(car, path, token)
    assert response.code == 403
    assert b"needs the link" in response.body
    assert car.page.server.token.encode() not in response.body


def test_no_driving_without_the_token(car: Car) -> None:
    with pytest.raises(HTTPClientError, match="403"):
        asyncio.run(_connect(address(car, "/wsDrive", "wrong", "ws")))
    assert fetch(car, "/drive", "wrong", method="POST", body='{"throttle": 0.1}').code == 403
    assert car.page.shared.seat.command() is None


async def _connect(link: str) -> WebSocketClientConnection:
    return await websocket_connect(link)


def test_the_page_needs_nothing_from_elsewhere_and_leaves_a_cookie_in_place_of_the_token(car: Car) -> None:
    response = fetch(car, "/")
    assert response.code == 200
    assert b"://" not in response.body
    assert car.page.server.token.encode() not in response.body
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    again = fetch(car, "/drive", "", headers={"Cookie": cookie.partition(";")[0]})
    assert again.body == response.body
    for name in ("drive.js", "see.js", "link.js", "page.css"):
        assert f"/static/{name}".encode() in response.body
        static = fetch(car, f"/static/{name}", "")
        assert static.code == 200
        assert b"://" not in static.body
    assert fetch(car, "/static/../server.py", "").code in (403, 404)


def test_a_hostile_page_cannot_drive_though_the_browser_has_the_cookie(car: Car) -> None:
    async def nothing(_: WebSocketClientConnection) -> None:
        pass

    for origin in ("http://evil.example", "https://127.0.0.1:1", "null", f"http://127.0.0.1.evil.example:{8887}"):
        with pytest.raises(HTTPClientError, match="403"):
            talk(car, nothing, Origin=origin)
        post = fetch(car, "/drive", method="POST", body='{"throttle": 0.1}', headers={"Origin": origin})
        assert post.code == 403
    assert car.page.shared.seat.command() is None
    talk(car, nothing, Origin=f"http://127.0.0.1:{car.page.server.port}")


def test_a_socket_drives_and_hears_how_the_car_is(car: Car) -> None:
    async def conversation(socket: WebSocketClientConnection) -> None:
        state = await hear(socket, driver="nobody", num_records=7)
        assert (state["driveMode"], state["recording"], state["num_records"]) == ("user", False, 7)
        assert state["label"] == "A TEST"
        await say(socket, angle=-0.5, throttle=0.0, drive_mode="local_angle", recording=True)
        await hear(socket, driver="you", driveMode="local_angle", recording=True)
        await say(socket, throttle=0.0, arm=True)
        await hear(socket, armed=True)
        await say(socket, stop=True)
        await hear(socket, armed=False, stopped=True)

    talk(car, conversation)


def test_a_driver_that_falls_silent_is_stopped_and_sees_it(car: Car) -> None:
    async def conversation(socket: WebSocketClientConnection) -> None:
        await say(socket, throttle=0.0, arm=True)
        await hear(socket, armed=True)
        await say(socket, throttle=0.1)
        state = await hear(socket, armed=False)
        assert state["driver"] == "nobody"
        assert state["note"] == LEFT
        assert car.throttle == 0

    talk(car, conversation)


def test_a_driver_whose_page_closes_is_stopped_without_waiting_for_the_silence(
    car: Car, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seat, "SILENT_NS", 600_000_000_000)

    async def conversation(socket: WebSocketClientConnection) -> None:
        await say(socket, throttle=0.0, arm=True)
        await hear(socket, armed=True)
        await say(socket, throttle=0.1)

    talk(car, conversation)
    eventually(lambda: not car.armed and car.throttle == 0)


def test_one_drives_the_other_watches_and_may_stop(car: Car) -> None:
    async def both() -> None:
        first, second = [await _connect(address(car, "/wsDrive", scheme="ws")) for _ in range(2)]
        await say(first, angle=0.1, throttle=0.0, arm=True)
        await hear(first, driver="you", armed=True)
        for _ in range(10):
            await say(first, angle=0.1)
            await say(second, angle=-1, throttle=1, drive_mode="local")
            await hear(second, driver="other")
        assert (car.steering, car.throttle, car.mode) == (0.1, 0.0, "user")
        await say(second, stop=True)
        await hear(second, stopped=True)
        await say(second, stop=False)
        await asyncio.sleep(0.2)
        assert car.stop
        await say(first, leave=True)
        await hear(second, driver="nobody")
        await say(second, stop=False, angle=0.0)
        await hear(second, driver="you", stopped=False)

    asyncio.run(both())
    assert car.page.shared.refused >= 11


@pytest.mark.parametrize("garbage", ['{"angle": "abc", "throttle": 99, "drive_mode": "bogus"}', "\0" * 50, b"\xff\x00"])
def test_garbage_moves_nothing_and_is_counted(car: Car, garbage: str | bytes) -> None:
    async def conversation(socket: WebSocketClientConnection) -> None:
        await say(socket, angle=0.25, throttle=0.0)
        await hear(socket, driver="you")
        for _ in range(5):
            await socket.write_message(garbage, binary=isinstance(garbage, bytes))
        await hear(socket, refused=5)
        await say(socket, angle=0.25)
        await asyncio.sleep(0.05)
        assert (car.steering, car.throttle, car.mode, car.armed) == (0.25, 0.0, "user", False)

    talk(car, conversation)
    assert fetch(car, "/drive", method="POST", body=garbage).code == 400


def test_a_message_that_is_too_long_ends_the_connection(car: Car) -> None:
    async def conversation(socket: WebSocketClientConnection) -> None:
        await socket.write_message(" " * 100_000)
        while await socket.read_message() is not None:
            pass

    talk(car, conversation)
    assert fetch(car, "/drive", method="POST", body=" " * 100_000).code in (400, 413, 599)


def test_a_flood_is_dropped_then_cut_off_but_its_stop_counts(car: Car) -> None:
    async def conversation(socket: WebSocketClientConnection) -> None:
        for _ in range(AT_ONCE + 20):
            await say(socket, angle=0.1)
        await say(socket, stop=True)
        eventually(lambda: car.stop)
        assert car.page.shared.refused > 0
        with contextlib.suppress(WebSocketClosedError):
            for _ in range(5 * MOST_DROPPED):
                await say(socket, angle=0.1)
        while await socket.read_message() is not None:
            pass
        assert socket.close_code == 1008

    talk(car, conversation)


def test_donkeycars_post_drives_until_it_is_silent(car: Car) -> None:
    response = fetch(car, "/drive", method="POST", body='{"angle": 0.5, "throttle": 0.1, "drive_mode": "local_angle"}')
    assert response.code == 200
    eventually(lambda: (car.steering, car.mode) == (0.5, "local_angle"))
    eventually(lambda: (car.steering, car.throttle) == (0.0, 0.0))
    car.page.shared.seat.drive("another", 0.0, 0.0)
    assert fetch(car, "/drive", method="POST", body='{"angle": 0.5}').code == 409


def pictures(received: bytes) -> list[np.ndarray]:
    """The whole JPEGs of a stream, RGB."""
    parts = received.split(video.BOUNDARY + b"\r\n")[1:-1]
    decoded = []
    for part in parts:
        head, _, body = part.partition(b"\r\n\r\n")
        length = int(head.rpartition(b": ")[2])
        decoded.append(cv2.imdecode(np.frombuffer(body[:length], np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1])
    return decoded


class Viewer:
    """A socket that asks for the video, and can leave without a word."""

    def __init__(self, car: Car) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", car.page.server.port))
        self.socket.sendall(f"GET /video?token={car.page.server.token} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.received = self.socket.recv(65536)

    def watch(self, count: int) -> list[np.ndarray]:
        while self.received.count(video.BOUNDARY) < count + 2:  # one is in the header
            self.received += self.socket.recv(65536)
        return pictures(self.received.partition(b"\r\n\r\n")[2])

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def test_viewers_see_the_camera_each_picture_once_and_encoded_once_for_all(car: Car) -> None:
    viewers = [Viewer(car) for _ in range(3)]
    for viewer in viewers:
        seen = viewer.watch(5)
        assert len(seen) >= 5
        assert np.abs(cv2.blur(seen[0], (9, 9)).astype(int) - cv2.blur(FRAME, (9, 9))).mean() < 12
    encodings = car.page.server.camera.encodings
    assert encodings <= car.page.shared.camera.frame[0]  # and not 3 times that
    for viewer in viewers:
        viewer.socket.close()


def test_nobody_watches_nothing_is_encoded(car: Car) -> None:
    time.sleep(0.2)
    assert car.page.server.camera.encodings == 0
    assert car.page.shared.camera.frame is None


@pytest.mark.parametrize("leave", ["close", "reset", "freeze"])
def test_viewers_that_leave_rudely_leave_nothing(car: Car, monkeypatch: pytest.MonkeyPatch, leave: str) -> None:
    """freeze: the link is gone, nobody says so; the stream stands still until the server gives it up."""
    monkeypatch.setattr(video, "SEND_TIMEOUT_S", 2.0)
    server = car.page.server
    viewers = [Viewer(car) for _ in range(3)]
    for viewer in viewers:
        viewer.watch(2)
    assert server.camera.viewers == 3
    for viewer in viewers if leave != "freeze" else []:
        viewer.socket.close() if leave == "close" else viewer.reset()
    eventually(lambda: server.camera.viewers == 0)
    assert not car.page.shared.camera.watched
    before = server.camera.encodings
    time.sleep(0.3)
    assert server.camera.encodings == before


def test_of_five_viewers_three_leave_rudely_and_no_encoder_goes_on(car: Car, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "SEND_TIMEOUT_S", 2.0)
    server = car.page.server
    viewers = [Viewer(car) for _ in range(5)]
    for viewer in viewers:
        viewer.watch(2)
    viewers[0].socket.close()
    viewers[1].reset()  # and the third takes nothing any more
    staying, deadline = viewers[3:], time.monotonic() + 20
    while server.camera.viewers > 2 and time.monotonic() < deadline:
        for viewer in staying:
            viewer.socket.recv(65536)
    assert server.camera.viewers == 2
    encodings, frames = server.camera.encodings, car.page.shared.camera.frame[0]
    for viewer in staying:
        viewer.received = b""
        viewer.watch(5)
    assert server.camera.encodings - encodings <= car.page.shared.camera.frame[0] - frames + 1  # one for both
    for viewer in staying:
        viewer.socket.close()
    eventually(lambda: server.camera.viewers == 0)
    encodings = server.camera.encodings
    time.sleep(0.3)
    assert server.camera.encodings == encodings
    assert not car.page.shared.camera.watched


def test_a_viewer_that_leaves_while_the_camera_stands_is_noticed(car: Car) -> None:
    viewer = Viewer(car)
    viewer.watch(2)
    car.park()
    viewer.socket.close()
    eventually(lambda: car.page.server.camera.viewers == 0)


def test_so_many_and_no_more(car: Car) -> None:
    async def crowd() -> None:
        sockets = [await _connect(address(car, "/wsDrive", scheme="ws")) for _ in range(state_socket.MOST_SOCKETS)]
        with pytest.raises(HTTPClientError, match="503"):
            await _connect(address(car, "/wsDrive", scheme="ws"))
        for one in sockets:
            one.close()

    asyncio.run(crowd())
    eventually(lambda: not car.page.server.clients)
    viewers = [Viewer(car) for _ in range(video.MOST_VIEWERS)]
    assert fetch(car, "/video").code == 503
    for viewer in viewers:
        viewer.socket.close()


def test_a_taken_port_is_told_in_one_line(car: Car) -> None:
    with pytest.raises(UserError, match=r"port \d+ cannot be had .*Address already in use; .*--port") as raised:
        Page(car.page.server.port, ABOUT, Recordings(Path()), everyone=False)
    assert "\n" not in str(raised.value)


def test_a_simulated_cars_page_is_for_this_machine_alone(car: Car) -> None:
    assert [one.getsockname()[0] for one in car.page.server._sockets] == ["127.0.0.1"]
    everyone = Page(0, ABOUT, Recordings(Path()), everyone=True)
    assert "0.0.0.0" in [one.getsockname()[0] for one in everyone.server._sockets]  # noqa: S104
    assert everyone.server.token not in (car.page.server.token, "")
    everyone.shutdown()


def test_no_secret_is_logged(car: Car, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fetch(car, "/drive")
    fetch(car, "/drive", headers={"Origin": "http://evil.example"})
    fetch(car, "/nowhere")
    assert car.page.server.token not in caplog.text
