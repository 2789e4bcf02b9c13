"""The page works while the loop sleeps."""

import time

import pytest

from car.page import rounds
from tests.car.page.car import Car, eventually
from tests.car.page.test_server import Viewer, car, hear, talk  # noqa: F401 - a fixture


def test_a_picture_is_encoded_when_the_round_is_over_and_not_before(car: Car, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(rounds, "LONGEST_S", 60.0)
    viewer, server = Viewer(car), car.page.server
    viewer.watch(2)
    car.park()
    eventually(lambda: server.rounds.awaited)
    before = server.camera.encodings
    car.page.run(*car.row())  # the frame is there, its pulse is not
    time.sleep(0.3)
    assert server.camera.encodings == before
    server.round_over()
    eventually(lambda: server.camera.encodings == before + 1)
    viewer.socket.close()


def test_nobody_waits_nobody_is_woken(car: Car, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    woken = []
    monkeypatch.setattr(car.page.server, "_call", woken.append)
    rounds_before = car.rounds
    eventually(lambda: car.rounds > rounds_before + 10)
    assert woken == []
    monkeypatch.undo()


def test_of_a_camera_that_stands_the_page_hears_all_the_same(car: Car) -> None:  # noqa: F811
    car.park()

    async def listen(socket) -> None:
        for _ in range(5):
            await hear(socket, driver="nobody")

    talk(car, listen)
