"""Hostile byte streams into both ends, each a process of its own: it lives, answers in time, and does not grow."""

import contextlib
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from settings import PROJECT
from sim_bridge.donkeysim.framing import encode
from sim_bridge.donkeysim.messages import control
from tests.sim_bridge.donkeysim.test_client import JPEG, LOADED, MENU, NAMES, frame, start
from tests.sim_bridge.donkeysim.test_framing import FRAGMENTS
from tests.sim_bridge.donkeysim.wire import RawClient

PATIENCE_S = 20.0  # who has said nothing for so long hangs
GROWTH_KB = 8_000  # from a tenth of the streams on, when all that is kept for ever is there
STREAMS = pytest.mark.parametrize("streams", [300, pytest.param(50_000, marks=pytest.mark.slow)])

WORDS = ["NaN", "1e999", "-1", "0.5", "9" * 50, "", "x{"]
TO_SERVER = st.sampled_from(
    [
        encode({"msg_type": kind, **fields})
        for value in WORDS
        for kind, fields in (
            ("control", {"steering": value, "throttle": "0.3", "brake": "0"}),
            ("cam_config", {"img_w": "64", "img_h": "48", "fov": value, "rot_x": value}),
            ("cam_config_b", {"img_w": value, "img_h": value, "img_enc": value}),
            ("set_position", dict.fromkeys(("pos_x", "pos_y", "pos_z", "Qx", "Qy", "Qz", "Qw"), value)),
            ("node_position", {"index": value}),
            ("car_config", {"car_name": value, "body_r": value}),
            ("regen_road", {"rand_seed": "x" + value}),  # one that is drawn takes its time: test_server has it
            ("step_mode", {"step_mode": "synchronous" if value == "x{" else value}),
            ("pause", {"is_pause": value == "-1"}),
            ("load_scene", {"scene_name": "waveshare" if value == "x{" else value}),
        )
    ]
    + [
        encode({"msg_type": kind})
        for kind in ("reset_car", "lidar_config", "get_scene_names", "get_protocol_version", "exit_scene", "quit_app")
    ]
)
TO_CLIENT = st.sampled_from(
    [LOADED, MENU, NAMES, frame(), frame(), frame(commands=1e9), frame(hit="wall"), frame(image=JPEG[: len(JPEG) // 2])]
    + [
        frame(**{name: value})
        for name in ("image", "cte", "speed", "time", "lidar")
        for value in (None, "NaN", [], "1")
    ]
    + [encode({"msg_type": "collision_with_starting_line", "starting_line_index": 0, "timeStamp": "x"}) + b"\n"]
)
RUBBISH = st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=12))
BEGINNINGS = st.sampled_from([[], [LOADED], [MENU, NAMES, LOADED], [LOADED, *[frame()] * 5]])  # menu, scene, episode


@STREAMS
def test_the_server_outlives_what_clients_send(streams: int) -> None:
    server, port = start(0)
    polite = RawClient(("127.0.0.1", port)).into("waveshare")  # while it is there, nobody's quit_app ends the server

    def one(pieces: list[bytes]) -> None:
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client, may_hang_up():
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        while select.select([polite.socket], [], [], 0)[0]:  # the others' scenes come and go; frames of all of them
            assert polite.socket.recv(65536)

    try:
        feed(streams, st.lists(st.one_of(TO_SERVER, TO_SERVER, RUBBISH), max_size=8), one, server.pid)
        polite.socket.sendall(encode({"msg_type": "exit_scene"}))
        stranger = RawClient(("127.0.0.1", port)).into("waveshare")
        stranger.socket.sendall(encode(control(0.0, 0.2, 0.0)))
        while stranger.next("telemetry", PATIENCE_S)["commands"] < 1:
            pass
    finally:
        server.terminate()
    assert server.wait(PATIENCE_S) == 0


@STREAMS
def test_the_client_outlives_what_simulators_send(streams: int, tmp_path: Path) -> None:
    log = tmp_path / "client.log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("w") as errors:
        listener.settimeout(PATIENCE_S)
        command = [sys.executable, "-m", "tests.sim_bridge.donkeysim.hostile_victim", str(listener.getsockname()[1])]
        victim = subprocess.Popen(command, cwd=PROJECT, stderr=errors)

        def one(pieces: list[bytes]) -> None:
            connection, _ = listener.accept()
            connection.settimeout(PATIENCE_S)
            with connection, may_hang_up():
                for piece in pieces:
                    connection.sendall(piece)
                    if select.select([connection], [], [], 0.001)[0]:  # mostly it answers what it understood
                        connection.recv(65536)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        stream = st.tuples(BEGINNINGS, st.lists(st.one_of(TO_CLIENT, TO_CLIENT, RUBBISH), max_size=8))
        try:
            feed(streams, stream.map(lambda parts: parts[0] + parts[1]), one, victim.pid)
            assert victim.poll() is None
        finally:
            victim.kill()
            victim.wait()
            assert log.read_text() == ""


@contextlib.contextmanager
def may_hang_up() -> Iterator[None]:
    """The other end may close when it likes; it may not say nothing for ever."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError:
        pass


def feed(
    streams: int, strategy: st.SearchStrategy[list[bytes]], one: Callable[[list[bytes]], None], process: int
) -> None:
    """So many streams into a process, which does not grow by that."""
    memory_kb: list[int] = []

    @settings(max_examples=streams, deadline=None, database=None, phases=[Phase.generate])
    @given(strategy)
    def each(pieces: list[bytes]) -> None:
        one(pieces)
        memory_kb.append(resident_kb(process))

    each()
    assert len(memory_kb) >= streams
    settled_kb = max(memory_kb[: streams // 10])
    print(f"{len(memory_kb)} streams; {settled_kb} kB after a tenth of them, {memory_kb[-1]} kB after the last")
    assert memory_kb[-1] - settled_kb < GROWTH_KB


def resident_kb(process: int) -> int:
    """Memory that a process holds. Raises IndexError where it has ended."""
    return int(Path(f"/proc/{process}/status").read_text().split("VmRSS:")[1].split()[0])
