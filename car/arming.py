"""May the car move? It is armed by an act of its own, stopped by any STOP, and moves again only on purpose."""

from enum import Enum


class Act(Enum):
    """What a person does to a car's consent to move, by page, pad, key or signal."""

    STOP = "stop"  # the e-stop, from anyone, at any time
    RELEASE = "release"  # the e-stop is let go of; the car stays disarmed
    ARM = "arm"
    DISARM = "disarm"
    GO = "go"  # for those with one button: release, else arm, else disarm


def after(act: Act, armed: bool, stop: bool) -> tuple[bool, bool]:
    """(armed, stop) after an act. Pure. Nothing but RELEASE or GO ends a stop, and neither arms the car with it."""
    if act is Act.GO:
        act = Act.RELEASE if stop else Act.DISARM if armed else Act.ARM
    if act is Act.STOP:
        return False, True
    if act is Act.RELEASE:
        return armed and not stop, False
    return act is Act.ARM and not stop, stop
