"""How people take part in a drive: the page, a pad, the terminal; and the recording of what they and the car did."""

from dataclasses import dataclass
from pathlib import Path

from car.logbook import DRIVES
from car.page.part import Page
from car.recorder import Recorder
from car.terminal import HELP, Terminal
from car.vehicle import Part
from errors import UserError
from settings import Settings


@dataclass(frozen=True)
class PeopleOptions:
    """What was typed on top of the settings: about page, recording and who has the throttle."""

    page: bool = True
    port: int | None = None
    record: bool = False
    constant_throttle: float | None = None  # instead of the policy's


@dataclass(frozen=True)
class People:
    """The parts, by the names of car.vehicle.parts_table; and lines on how to use them."""

    parts: dict[str, Part | None]
    words: str


def people(
    car: Path, settings: Settings, options: PeopleOptions, *, label: str, simulated: bool, realtime: bool
) -> People:
    """label: what the page calls the car. A simulated car's page is for this machine alone; without realtime there is
    neither page nor pad, for nobody is as fast.

    Raises UserError where the page's port is taken.
    """
    terminal = Terminal()
    recorder = Recorder(car / DRIVES) if realtime or options.record else None
    parts: dict[str, Part | None] = {"terminal": terminal, "recorder": recorder}
    words = [HELP] if realtime and terminal.has_keys else []
    if realtime and settings.pad.type:
        from car.pad import Pad  # noqa: PLC0415 - donkeycar's controllers bring much along

        parts["pad"] = Pad(settings.pad.type, settings.pad.device, settings.drive.throttle_cap, recorder)
    if realtime and settings.page.enabled and options.page:
        page = _page(settings, options, label, simulated=simulated)
        parts["page"] = page
        words.append(f"drive and watch: {page.link}")
    return People(parts, "\n".join(words))


def _page(settings: Settings, options: PeopleOptions, label: str, *, simulated: bool) -> Page:
    port = settings.page.port if options.port is None else options.port

    def page(at: int) -> Page:
        return Page(at, everyone=not simulated, label=label, throttle_cap=settings.drive.throttle_cap)

    try:
        return page(port)
    except UserError:
        if options.port is not None or not simulated:
            raise
        return page(0)  # a second simulated drive on this machine; its link says where
