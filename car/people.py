"""How people take part in a drive: the page, a pad, the terminal; and the recording of what they and the car did."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from car.handover import Handover
from car.logbook import DRIVES
from car.page.instruments import Camera, Instruments
from car.page.part import Page
from car.page.recordings import Recordings
from car.page.status import About
from car.recorder import Recorder, model_id
from car.simcache_recorder import SimCacheRecorder
from car.simulated import SimulatedCar
from car.terminal import HELP, Terminal
from car.vehicle import Part
from errors import UserError
from models.folder import MODEL, Model
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
    far_link: str = ""  # to the page, where other machines may open it


@dataclass(frozen=True)
class Seen:
    """What the page can show of the car."""

    label: str  # what it is called
    camera: Camera
    pulse_ms: Callable[[], float | None]  # from a frame to its pulse; None where there are no servos
    simulator: SimulatedCar | None  # who sees the track from above
    channel: str | None = None  # of models that is followed


def people(
    car: Path,
    settings: Settings,
    handover: Handover,
    options: PeopleOptions,
    seen: Seen,
    *,
    simulated: bool,
    realtime: bool,
) -> People:
    """A simulated car's page is for this machine alone; without realtime there is neither page nor pad, for nobody is
    as fast.

    Raises UserError where the page's port is taken, or there is nowhere to record.
    """
    terminal = Terminal()
    model = handover.model
    recorder = _recorder(car, settings, model, options, seen) if realtime or options.record else None
    parts: dict[str, Part | None] = {"terminal": terminal, "recorder": recorder}
    words = [HELP] if realtime and terminal.has_keys else []
    if realtime and settings.pad.type:
        from car.pad import Pad  # noqa: PLC0415 - donkeycar's controllers bring much along

        parts["pad"] = Pad(settings.pad.type, settings.pad.device, settings.drive.throttle_cap, recorder)
    if realtime and settings.page.enabled and options.page:
        own = recorder.path if isinstance(recorder, Recorder) else None
        recordings = Recordings(car / DRIVES, own, model.folder)
        page = _page(settings, options, _about(settings, handover, seen), recordings, simulated=simulated)
        progress = seen.simulator.progress if seen.simulator else dict
        parts["page"] = page
        parts["instruments"] = Instruments(page.server, seen.camera, pulse_ms=seen.pulse_ms, place=progress)
        words.append(f"drive and watch: {page.link}")
        return People(parts, "\n".join(words), "" if simulated else page.link)
    return People(parts, "\n".join(words))


def _recorder(
    car: Path, settings: Settings, model: Model, options: PeopleOptions, seen: Seen
) -> Recorder | SimCacheRecorder:
    if options.record_as == "tub":
        return Recorder(car / DRIVES)
    source = f"drive, {seen.label}, policy {model_id(model)}"
    return SimCacheRecorder(model.contract, settings, car, source=source, judge=seen.simulator)


def _about(settings: Settings, handover: Handover, seen: Seen) -> About:
    actions = handover.model.contract.actions

    def model() -> dict[str, Any]:
        decides = handover.model
        return {
            "name": decides.manifest.name,
            "sha256": decides.manifest.files[MODEL].sha256,
            "folder": str(decides.folder),
            "trained_on": decides.manifest.trained_on,
            "channel": seen.channel,
        }

    return About(
        seen.label,
        settings.drive.throttle_cap,
        model,
        tuple(actions.decode(action) for action in range(len(actions))),
        seen.simulator.track() if seen.simulator else None,
    )


def _page(settings: Settings, options: PeopleOptions, about: About, recordings: Recordings, *, simulated: bool) -> Page:
    port = settings.page.port if options.port is None else options.port

    def page(at: int) -> Page:
        return Page(at, about, recordings, everyone=not simulated)

    try:
        return page(port)
    except UserError:
        if options.port is not None or not simulated:
            raise
        return page(0)  # a second simulated drive on this machine; its link says where
