"""A small simulator, a real program: takes connections on its port and says DonkeySim's first word to each.

`stand_in.py [--how HOW] --pids FILE --host HOST --port N`: it appends its number, and those of what it starts, to FILE.
HOW: well; stubborn: it ignores SIGTERM; family: it starts a process in a session of its own and lets its starter die;
silent: it takes connections and says nothing; dying: it ends with code 7 soon after its first connection; dead: it ends
with code 5 at once; mixed: mostly well, else one of these by chance.
"""

import argparse
import os
import random
import signal
import socket
import sys
import time
from pathlib import Path

MIXTURE = ["well"] * 5 + ["stubborn", "family", "silent", "dying", "dead"]


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--how", default="well")
    parser.add_argument("--pids", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    told = parser.parse_args()
    note(told.pids)
    if told.how == "mixed":
        told.how = random.choice(MIXTURE)  # noqa: S311 - chance is all that is wanted
    if told.how == "dead":
        return 5
    if told.how == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if told.how == "family":
        start_a_stray(told.pids)
    with socket.create_server((told.host, told.port)) as server:
        while True:
            connection, _ = server.accept()
            if told.how != "silent":
                connection.sendall(b'{"msg_type":"scene_selection_ready","loaded":"1"}\n')
            if told.how == "dying":
                time.sleep(0.5)
                return 7


def note(pids: Path) -> None:
    """This process is one to look for."""
    with pids.open("a") as file:
        file.write(f"{os.getpid()}\n")


def start_a_stray(pids: Path) -> None:
    """As daemons are started: two forks and a session between."""
    if (child := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            note(pids)
            while True:
                time.sleep(60)
        os._exit(0)
    os.waitpid(child, 0)


if __name__ == "__main__":
    sys.exit(main())
