"""Holds one simulator: `python -I -S warden.py COMMAND...`, run as a file, so that it loads nothing but what is below.

Its standard input is a pipe from the launcher. When that ends, because the launcher lets go of it or is dead, of
whatever, the simulator and all that it has started end: told first (SIGTERM), then killed. They end too when the
simulator ends by itself. Ends with the simulator's own exit code, when nothing of it is left.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE_S = 3.0  # from told to killed
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # <linux/prctl.h>
_prctl = ctypes.CDLL(None, use_errno=True).prctl


def main(command: list[str]) -> int:
    """Returns the exit code; 127 where the command cannot be run, as shells have it."""
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # the pipe alone counts
        signal.signal(ignored, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what the simulator leaves behind becomes ours
    try:
        simulator = subprocess.Popen(  # noqa: S603 - what the person who started the launcher named
            command,
            stdin=subprocess.DEVNULL,
            preexec_fn=_as_child,  # noqa: PLW1509 - there is one thread here
        )
    except OSError as error:
        print(f"launcher: cannot start {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 127
    ended = os.pidfd_open(simulator.pid)
    select.select([sys.stdin, ended], [], [])
    simulator.terminate()
    deadline = time.monotonic() + GRACE_S
    while not select.select([ended], [], [], max(0.0, deadline - time.monotonic()))[0]:
        simulator.kill()
        deadline = time.monotonic() + GRACE_S
    code = simulator.wait()
    _kill_the_rest()
    return 128 - code if code < 0 else code


def _as_child() -> None:
    """In the simulator's process, before it is the simulator: if even this warden is killed, so is the simulator."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _kill_the_rest() -> None:
    """Until no child is left: a grandchild becomes a child when its parent dies."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                os.kill(int(pid), signal.SIGKILL)  # not waited for yet, so the number is still its own
            os.waitpid(-1, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
