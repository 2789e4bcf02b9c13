"""Clients of a launcher who come, behave, crash and vanish: each a process, forked from this one.

`python -m tests.sim_bridge.launcher.crowd PORT CLIENTS SEED`: it prints how many met which fate, when all have come and
gone but those that are frozen; it ends those when its standard input ends.
"""

import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter

from sim_bridge.launcher import Client, LauncherError
from sim_bridge.launcher.messages import Start
from tests.sim_bridge.launcher.parts import SECRET, Raw

AT_ONCE = 16
FATES = ["polite", "rude", "crash", "killed", "frozen", "hasty", "guess", "babble", "hang up"]


def live(fate: str, port: int, chance: random.Random) -> None:
    """One client's life. Its process ends with it, or in the middle of it."""
    stranger = f"127.0.1.{chance.randrange(1, 255)}"  # failures are counted for each address
    if fate == "guess":
        Raw(port, stranger).greet("a wrong guess")
    elif fate == "babble":
        Raw(port, stranger).send(chance.randbytes(chance.randrange(1, 30_000)))
    elif fate == "hang up":
        Raw(port, stranger).line()
    elif fate == "hasty":  # gone while its simulator starts
        raw = Raw(port)
        raw.send(raw.greet().sign(Start()))
        time.sleep(chance.uniform(0, 0.3))
    else:
        client = Client("127.0.0.1", port, SECRET)
        for _ in range(chance.randrange(1, 3)):
            request_patiently(client, chance)
        time.sleep(chance.uniform(0, 1))
        if fate == "polite":
            client.kill_sim()
            client.close()
        elif fate == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fate == "frozen":  # connected, and silent for ever
            os.kill(os.getpid(), signal.SIGSTOP)


def request_patiently(client: Client, chance: random.Random) -> None:
    """Raises LauncherError where there is none after all."""
    for _ in range(10):
        with contextlib.suppress(LauncherError):
            client.request_simulator()
            return
        time.sleep(chance.uniform(0, 0.5))
    client.request_simulator()


def main(port: int, clients: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same crowd again
    fates: Counter[str] = Counter()
    living: dict[int, float] = {}  # when each is killed; never: infinity
    frozen: list[int] = []
    for number in range(clients):
        while len(living) >= AT_ONCE:
            bury(living, frozen)
        fate = FATES[number % len(FATES)]
        fates[fate] += 1
        if (pid := os.fork()) == 0:
            with contextlib.suppress(LauncherError, OSError):  # none free, none that starts, cut off: as it may be
                live(fate, port, random.Random(f"{seed} {number}"))  # noqa: S311
            os._exit(0)
        living[pid] = time.monotonic() + chance.uniform(0, 2) if fate == "killed" else float("inf")
        time.sleep(chance.uniform(0, 0.1))
    while living:
        bury(living, frozen)
    print(
        *(f"{fate}: {count}" for fate, count in fates.items()), f"frozen for ever: {len(frozen)}", sep=", ", flush=True
    )
    sys.stdin.read()
    for pid in frozen:
        os.kill(pid, signal.SIGKILL)


def bury(living: dict[int, float], frozen: list[int]) -> None:
    """Who is dead, or frozen, or is to be killed."""
    for pid, due in list(living.items()):
        if time.monotonic() > due:
            os.kill(pid, signal.SIGKILL)
        ended, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if ended:
            del living[pid]
            if os.WIFSTOPPED(status):
                frozen.append(pid)
    time.sleep(0.01)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
