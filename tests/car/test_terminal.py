import os
import pty
import signal
import termios
from collections.abc import Iterator

import pytest

from car.terminal import Terminal


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def in_a_terminal(keys: bytes) -> list[tuple[bool, bool]]:
    """(armed, stop) after each key, of an armed car, in a child process whose terminal this is."""
    child, main = pty.fork()
    if child == 0:
        keyboard = os.fdopen(0)  # pytest has put something else in place of sys.stdin
        terminal, state = Terminal(keyboard), (True, False)
        os.write(1, b"R" if terminal.has_keys else b"X")
        for _ in keys:
            before = state
            while (state := terminal.run(*state)) == before:
                pass
            os.write(1, b"%d%d" % state)
        os._exit(0)
    assert os.read(main, 1) == b"R"
    states = []
    for key in keys:
        os.write(main, bytes([key]))
        seen = b""
        while len(seen) < 2:
            seen += os.read(main, 2 - len(seen))
        states.append((seen[0:1] == b"1", seen[1:2] == b"1"))
    os.waitpid(child, 0)
    os.close(main)
    return states


def test_space_stops_and_g_releases_then_arms() -> None:
    """And no key is echoed into the picture: what is read here is what the child writes."""
    assert in_a_terminal(b" ggg") == [(False, True), (False, False), (True, False), (False, False)]


def test_a_signal_stops() -> None:
    read, write = os.pipe()
    with os.fdopen(read) as no_terminal:
        terminal = Terminal(no_terminal)
        os.write(write, b"ggg")
        assert not terminal.has_keys
        assert terminal.run(True, False) == (True, False)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert terminal.run(True, False) == (False, True)
        assert terminal.run(False, True) == (False, True)
    os.close(write)


def test_a_terminal_that_is_closed_is_no_more_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    main, other = pty.openpty()
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())  # as if this terminal were ours
    with os.fdopen(other) as keyboard:
        terminal = Terminal(keyboard)
        assert terminal.has_keys
        assert not termios.tcgetattr(keyboard)[3] & termios.ECHO
        os.close(main)
        assert terminal.run(True, False) == (True, False)
        assert not terminal.has_keys
