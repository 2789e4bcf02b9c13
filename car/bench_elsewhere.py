"""What a bench does here and a drive finds on other computers: who watches, who publishes."""

import os

LAST = 19  # nice


def stand_aside() -> None:
    """The calling thread, and what it starts from now on: whatever the car does goes before, as if this were
    elsewhere. Of a bench that has precedence itself (chrt), too."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, 0, LAST)
