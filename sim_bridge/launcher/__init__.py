"""SimLauncher3000: a trainer on another computer asks for a simulator, and gets the host and port of one.

    secret.py        what both sides share, from the environment variable PS, and the key made of it
    messages.py      what they say to each other, and how long it may be
    session.py       lines signed with the key, each good for one conversation and one turn
    strikes.py       who has failed too often to be listened to
    warden.py        the process that holds one simulator, and ends it when the launcher is gone
    simulators.py    ports, and the simulators on them
    connection.py    the launcher's end of one connection
    server.py        the launcher
    background.py    the same in a thread
    client.py        the trainer's end
    lease.py         the same for an environment: launcher://HOST:PORT
    table.py         `sim launcher status`

docs/launcher.md says what it promises.
"""

from sim_bridge.launcher.background import RunningServer, start_server
from sim_bridge.launcher.client import Address, Client, LauncherError
from sim_bridge.launcher.server import Server

__all__ = ["Address", "Client", "LauncherError", "RunningServer", "Server", "start_server"]
