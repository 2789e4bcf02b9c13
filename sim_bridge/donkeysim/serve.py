"""The process of `manage.py sim serve`."""

import signal
import sys
import threading

import cv2

from errors import UserError
from sim_bridge.donkeysim.server import Server

SWITCH_S = 0.0005  # from thread to thread at the latest: a client in a hurry does not hold up the others' frames


def serve(host: str, port: int, *, lockstep: bool, table: str, dial: list[str]) -> None:
    """Serve until Ctrl-C, SIGTERM, or a client's quit_app. dial: HOST:PORT of clients that listen.

    Prints a line on stdout when clients can connect, and one on stderr for each that comes or goes. Raises UserError.
    """
    cv2.setNumThreads(1)  # the pictures are small: splitting them over cores costs more than it gains
    sys.setswitchinterval(SWITCH_S)
    server = Server(lockstep=lockstep, table=table, log=lambda line: print(line, file=sys.stderr, flush=True))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    pace = "in lock-step" if lockstep else "in real time"
    if dial:
        clients = [_host_and_port(one) for one in dial]
        threads = [threading.Thread(target=server.dial, args=client) for client in clients]
        for thread in threads:
            thread.start()
        print(f"connecting to {', '.join(dial)}, again and again; it drives {pace}", flush=True)
        for thread in threads:
            thread.join()
        return
    host, port = server.listen(host, port)
    print(f"DonkeySim's clients find it at {host}:{port}, {pace}; Ctrl-C ends it", flush=True)
    server.serve()


def _host_and_port(typed: str) -> tuple[str, int]:
    host, _, port = typed.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"--dial {typed!r} is no HOST:PORT, such as 127.0.0.1:9091")
    return host, int(port)
