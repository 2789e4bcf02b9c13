"""`manage.py sim serve`: the embedded simulator behind DonkeySim's wire, a thread for each client."""

import socket
import threading
import time
from collections.abc import Callable

from errors import UserError
from sim_bridge.distributions import table_named
from sim_bridge.donkeysim.session import SILENCE_S, Session
from sim_bridge.donkeysim.stage import Stage

MOST_CLIENTS = 64
LOOK_ROUND_S = 0.25
DIAL_AGAIN_S = 0.5
WAKE_S = 0.02  # gym-donkeycar 1.0 sends what it has to say when it has been sent something, or after 30 s


class Server:
    """`listen`, then `serve`, which takes clients until `stop`, or until a client ends it; or `dial` one."""

    def __init__(
        self, *, lockstep: bool = False, table: str = "training", log: Callable[[str], None] = lambda _: None
    ) -> None:
        """lockstep: a frame for each control, as fast as the clients ask; else 20 a second. table: of the worlds that
        regen_road draws from. Raises UserError where there is no such table."""
        table_named(table)
        self._lockstep, self._table = lockstep, table
        self.stage = Stage(log)
        self._listener: socket.socket | None = None

    def listen(self, host: str = "127.0.0.1", port: int = 9091) -> tuple[str, int]:
        """Host and port that clients find it at. port: 0 is any that is free. Raises UserError: the port is taken, or
        there is no such address."""
        try:
            self._listener = socket.create_server((host, port), backlog=100)
        except (OSError, UnicodeError) as error:
            raise UserError(f"cannot listen at {host}:{port}: {error}; name another --port or --host") from error
        self._listener.settimeout(LOOK_ROUND_S)
        at = self._listener.getsockname()
        return at[0], at[1]

    def serve(self) -> None:
        """Until `stop`, or a client's quit_app. After `listen`."""
        with self._listener:
            while not self.stage.ended.is_set():
                try:
                    connection, (host, port, *_) = self._listener.accept()
                except TimeoutError:
                    continue
                except OSError:  # the client went before it was let in, or there are too many open files
                    time.sleep(LOOK_ROUND_S)
                    continue
                name = f"{host}:{port}"
                threading.Thread(target=self._converse, args=(connection, name), name=name, daemon=True).start()

    def dial(self, host: str, port: int) -> None:
        """Connect to a client that listens, and talk to it; again when it has left. So did simulators until 2019, which
        gym-donkeycar 1.0 is for. Until `stop`, or the client's quit_app."""
        while not self.stage.ended.is_set():
            try:
                connection = socket.create_connection((host, port), DIAL_AGAIN_S)
            except OSError:
                time.sleep(DIAL_AGAIN_S)
                continue
            self._converse(connection, f"{host}:{port}", WAKE_S)
            if not self.stage.clients:
                self.stage.load(None)  # the next one finds the menu

    def stop(self) -> None:
        """All conversations end within LOOK_ROUND_S."""
        self.stage.ended.set()

    def _converse(self, connection: socket.socket, name: str, ping_s: float = SILENCE_S) -> None:
        if not self.stage.enter(MOST_CLIENTS):
            self.stage.log(f"{name} was turned away: there are {MOST_CLIENTS} clients already")
            connection.close()
            return
        try:
            Session(connection, name, self.stage, lockstep=self._lockstep, table=self._table, ping_s=ping_s).run()
        finally:
            self.stage.leave()
            connection.close()  # only now: whoever sees that it is closed may count on the place being free
