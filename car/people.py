"""How people take part in a drive: the page, a pad, the terminal; and the recording of what they and the car did."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from car.logbook import DRIVES
from car.page.part import Page
from car.recorder import Recorder, model_id
from car.simcache_recorder import SimCacheRecorder
from car.simulated import SimulatedCar
from car.terminal import HELP, Terminal
from car.vehicle import Part
from errors import UserError
from models.folder import Model
from settings import Settings


@dataclass(frozen=True)
class PeopleOptions:
    """What was typed on top of the settings: about page, recording and who has the throttle."""

    page: bool = True
    port: int | None = None
    record: bool = False
    record_as: Literal["tub", "simcache"] = "tub"
    constant_throttle: float | None = None  # instead of the policy's


@dataclass(frozen=True)
class People:
    """The parts, by the names of car.vehicle.parts_table; and lines on how to use them."""

    parts: dict[str, Part | None]
    words: str


def people(
    car: Path,
    settings: Settings,
    model: Model,
    options: PeopleOptions,
    *,
    label: str,
    simulated: bool,
    realtime: bool,
    judge: SimulatedCar | None,
) -> People:
    """label: what the page calls the car. A simulated car's page is for this machine alone; without realtime there is
    neither page nor pad, for nobody is as fast. judge: who knows what comes of each command.

    Raises UserError where the page's port is taken, or there is nowhere to record.
    """
    terminal = Terminal()
    recorder = _recorder(car, settings, model, options, label, judge) if realtime or options.record else None
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


def _recorder(
    car: Path, settings: Settings, model: Model, options: PeopleOptions, label: str, judge: SimulatedCar | None
) -> Recorder | SimCacheRecorder:
    if options.record_as == "tub":
        return Recorder(car / DRIVES)
    return SimCacheRecorder(
        model.contract, settings, car, source=f"drive, {label}, policy {model_id(model)}", judge=judge
    )


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
