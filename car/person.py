"""The person who calibrates: asked by the procedures, minded by what moves the car."""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from calibration.terminal import Terminal
from car.display import ROWS, as_text
from car.page.asking import Asking
from car.page.calibration_server import CalibrationServer
from car.qr_code import qr_code
from errors import UserError
from settings import load_settings

ENDED = "the program was ended: nothing was saved"


class Person(Protocol):
    """At the terminal, or at a page."""

    terminal: Terminal

    def still_there(self) -> bool:
        """False: they have not been heard for half a second, so nothing may turn. Asked again and again while something
        moves. Raises CalibrationError when they gave up or are gone."""

    def show(self, saved: Path, found: BaseModel) -> None:
        """What was found, a section of the calibration, and where it now is."""


class AtTerminal:
    """The person who typed the command; Ctrl-C is their STOP."""

    def __init__(self) -> None:
        self.terminal = Terminal(lambda question, _: input(question), print)

    def still_there(self) -> bool:
        return True

    def show(self, saved: Path, found: BaseModel) -> None:
        """The command says where it is."""


@contextlib.contextmanager
def at_page(car: Path, what: str, *, simulated: bool) -> Iterator[Asking]:
    """The person with the page, whose link is printed; a simulated board's is for this machine alone. In the end they
    are told how it ended. Raises UserError where the page's port is taken."""
    label = f"Calibrate {what}" + (", SIMULATED" if simulated else "")
    asking = Asking(label)
    server = CalibrationServer(asking, load_settings(car).page.port, everyone=not simulated)
    print(f"calibrate at: {server.link}", flush=True)
    code = None if simulated or not sys.stdout.isatty() else qr_code(server.link, 2 * ROWS)
    if code is not None and shutil.get_terminal_size().columns >= 2 * ROWS:
        print(*as_text(code), sep="\n", flush=True)
    try:
        yield asking
    except UserError as error:
        asking.end(str(error))
        raise
    finally:
        asking.end(ENDED)
        server.end_when_told()
