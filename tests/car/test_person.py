"""Where the person who calibrates is asked: the page's link, who may open it, and how it ends."""

import io
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from calibration.car_file import CalibrationError
from car.display import as_text
from car.page.asking import Asking
from car.person import ENDED, at_page
from car.qr_code import qr_code
from errors import UserError


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def car(tmp_path: Path) -> Path:
    """Whose page takes any port."""
    (tmp_path / "settings.toml").write_text("[page]\nport = 0\n")
    return tmp_path


@pytest.mark.parametrize(("columns", "simulated", "lines"), [(60, False, 30), (59, False, 0), (60, True, 0)])
def test_the_link_is_printed_and_as_a_code_where_a_phone_may_open_it(
    monkeypatch: pytest.MonkeyPatch, car: Path, columns: int, simulated: bool, lines: int
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((columns, 50)))
    with at_page(car, "steering", simulated=simulated):
        first, *code = screen.getvalue().splitlines()
    link = first.partition("calibrate at: ")[2]
    assert "/?token=" in link
    assert ("127.0.0.1" in link) == simulated
    assert code == (as_text(qr_code(link, 60)) if lines else [])


def test_how_it_ended_is_what_the_page_says(car: Path) -> None:
    seen: list[Asking] = []

    def end_by(error: BaseException) -> None:
        with at_page(car, "steering", simulated=True) as asking:
            seen.append(asking)
            raise error

    for error, words in ((CalibrationError("left is right"), "left is right"), (KeyboardInterrupt(), ENDED)):
        with pytest.raises(type(error)):
            end_by(error)
        assert (seen[-1].over, seen[-1].state("phone")["end"]) == (True, words)


def test_a_port_that_is_taken(car: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (car / "settings.toml").write_text(f"[page]\nport = {port}\n")
        with pytest.raises(UserError, match=f"port {port} cannot be had.*settings.toml"):
            at_page(car, "steering", simulated=True).__enter__()
