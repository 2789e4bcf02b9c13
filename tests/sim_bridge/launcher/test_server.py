"""Who is let in, and what is refused: with real sockets."""

import json
import socket
import threading
import time

import pytest

from sim_bridge.launcher import Client, LauncherError
from sim_bridge.launcher import server as server_module
from sim_bridge.launcher.messages import Greeting, Hello, Kill, Ping, Start, line
from sim_bridge.launcher.session import new_nonce
from sim_bridge.launcher.strikes import Strikes
from tests.conftest import assert_one_line
from tests.sim_bridge.launcher.parts import SECRET, Raw, free_ports, wait_until


@pytest.fixture
def alive(launch, connect):
    """(server, stand_in, check): check() is the proof that the launcher serves others as before."""
    server, stand_in = launch()
    good = connect(server)
    simulator = good.request_simulator()

    def check() -> None:
        assert good.ping() == (simulator,)
        assert len(stand_in.all()) == 1

    return server, check


def assert_logged(capfd, words: str) -> None:
    """It may answer before it logs."""
    said: list[str] = []

    def logged() -> bool:
        said.append(capfd.readouterr().err)
        return words in "".join(said)

    assert wait_until(logged), said


def test_a_wrong_secret_is_refused_and_logged(alive, capfd) -> None:
    server, check = alive
    with pytest.raises(LauncherError, match="its secret is not the launcher's; PS must be the same on both computers"):
        Client("127.0.0.1", server.port, SECRET + "!")
    assert_logged(capfd, "a wrong secret")
    check()


def test_an_overheard_conversation_is_worthless(alive, capfd) -> None:
    server, check = alive
    honest = Raw(server.port)
    session = honest.greet()
    overheard = honest.said + session.sign(Start())
    honest.close()
    thief = Raw(server.port)
    thief.line()
    thief.send(overheard)
    assert json.loads(thief.line())["says"] == "refused"
    assert thief.line() == b""
    assert_logged(capfd, "an answer from another conversation")
    check()


def test_a_request_that_is_repeated_is_refused(alive, capfd) -> None:
    server, check = alive
    raw = Raw(server.port)
    ping = raw.greet().sign(Ping())
    raw.send(ping)
    assert b"living" in raw.line()
    raw.send(ping)
    assert raw.line() == b""
    assert_logged(capfd, "a wrong signature")
    check()


def test_a_request_that_is_changed_on_its_way_is_refused(alive) -> None:
    server, check = alive
    raw = Raw(server.port)
    raw.send(raw.greet().sign(Kill(port=9093)).replace(b"9093", b"9094"))
    assert raw.line() == b""
    check()


def test_the_servers_own_words_are_not_taken_back_from_it(alive) -> None:
    server, check = alive
    raw = Raw(server.port)
    raw.greet()
    raw.send(raw.welcome + b"\n")
    assert raw.line() == b""
    check()


def test_a_server_without_the_secret_gets_nothing_out_of_a_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as rogue:

        def pretend() -> None:
            wire, _ = rogue.accept()
            with wire, wire.makefile("rb") as lines:
                wire.sendall(line(Greeting(nonce=new_nonce())))
                said.extend([lines.readline(), lines.readline()])
                wire.sendall(said[1])  # it can sign nothing, so it sends back what was signed

        said: list[bytes] = []
        thread = threading.Thread(target=pretend)
        thread.start()
        with pytest.raises(LauncherError, match="is no launcher with this PS: a wrong signature"):
            Client("127.0.0.1", rogue.getsockname()[1], SECRET)
        thread.join()
    assert SECRET.encode() not in b"".join(said)


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"{}\n", b"\xff\xfe\n", b"x" * 20_000])
def test_what_is_no_launcher_is_named_so(words: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            wire, _ = other.accept()
            with wire:
                wire.sendall(words)
                time.sleep(0.1)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(LauncherError, match="no launcher with this PS|does not answer") as refused:
            Client("127.0.0.1", other.getsockname()[1], SECRET)
        thread.join()
    assert "\n" not in str(refused.value)


def test_the_secret_never_travels(launch) -> None:
    """A relay between the two, which keeps all that is said."""
    server, _ = launch()
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as relay:

        def pass_on(source: socket.socket, sink: socket.socket) -> None:
            while data := source.recv(4096):
                heard.append(data)
                sink.sendall(data)

        def run() -> None:
            near, _ = relay.accept()
            with near, socket.create_connection(("127.0.0.1", server.port)) as far:
                back = threading.Thread(target=pass_on, args=(far, near))
                back.start()
                pass_on(near, far)
                far.shutdown(socket.SHUT_WR)
                back.join()

        thread = threading.Thread(target=run)
        thread.start()
        with Client("127.0.0.1", relay.getsockname()[1], SECRET) as client:
            client.request_simulator()
            client.kill_sim()
        thread.join()
    said = b"".join(heard)
    assert b'"started"' in said
    assert SECRET.encode() not in said


def test_a_flood_of_requests_is_cut_off(alive, capfd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "REQUESTS_S", 3600.0)  # however slow the machine is now
    server, check = alive
    raw = Raw(server.port)
    session = raw.greet()
    for _ in range(server_module.MOST_REQUESTS):
        raw.send(session.sign(Ping()))
        assert b"living" in raw.line()
    raw.send(session.sign(Ping()))
    assert raw.line() == b""
    assert_logged(capfd, "flood")
    check()


def test_a_second_request_before_the_answer_is_refused(alive, capfd, launch) -> None:
    server, stand_in = launch("silent")  # its start takes long
    raw = Raw(server.port)
    session = raw.greet()
    raw.send(session.sign(Start()) + session.sign(Start()))
    assert raw.line() == b""
    assert_logged(capfd, "before the last one was answered")
    assert wait_until(lambda: not stand_in.living())
    alive[1]()


def test_an_address_that_fails_too_often_is_not_listened_to_and_others_are(
    alive, capfd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Strikes, "WINDOW_S", 3600.0)  # however slow the machine is now
    server, check = alive
    for _ in range(Strikes.MOST):
        guess = Raw(server.port, "127.0.0.2")
        guess.greet("another guess")
        assert b"its secret is not" in guess.line()
        guess.close()
    guess = Raw(server.port, "127.0.0.2")
    assert b"too many failures from 127.0.0.2" in guess.line()  # not even greeted
    assert guess.line() == b""
    Raw(server.port, "127.0.0.3").greet()
    assert_logged(capfd, "too many failures")
    check()


def test_silent_connections_keep_nobody_out(alive) -> None:
    server, check = alive
    crowd = [Raw(server.port, "127.0.0.2") for _ in range(server_module.MOST_OF_AN_ADDRESS + 5)]
    assert b"too many connections" in crowd[-1].line()
    check()
    Raw(server.port).greet()
    for raw in crowd:
        raw.close()


def test_a_silent_connection_is_closed(alive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim_bridge.launcher.connection.STRANGER_S", 0.2)
    server, check = alive
    raw = Raw(server.port)
    assert b"launcher" in raw.line()
    assert raw.line() == b""
    check()


@pytest.mark.parametrize(
    "said",
    [
        b"\n",
        b"{}\n",
        b"null\n",
        b"\xff\xfe\x00\n",
        b"[" * 10_000 + b"\n",
        b"x" * 100_000,
        b'{"says":"client","nonce":"' + b"0" * 64 + b'","more":1}\n',
        b'{"says":"client","nonce":"' + b"0" * 63 + b'"}\n',
        b'{"says":"client","nonce":"' + b"0" * 64 + b'"}\n\n',
        b'{"pass":"wesh","req":"start"}\n',
    ],
)
def test_what_is_no_message_ends_the_connection_alone(alive, said: bytes) -> None:
    server, check = alive
    raw = Raw(server.port)
    raw.line()
    raw.send(said)
    while answer := raw.line():
        assert json.loads(answer)["says"] == "refused"
    check()


def test_a_request_that_is_none_ends_the_connection_alone(alive) -> None:
    server, check = alive
    raw = Raw(server.port)
    raw.send(raw.greet().sign(Hello()))  # a second one
    assert raw.line() == b""
    raw = Raw(server.port)
    raw.send(raw.greet().sign(Greeting(nonce=new_nonce())))
    assert raw.line() == b""
    check()


def test_a_taken_port_is_one_line(launch, manage) -> None:
    server, _ = launch()
    process = manage("sim", "launcher", "--port", str(server.port), env={"PATH": "", "PS": SECRET})
    assert_one_line(process, f"port {server.port}", "--port")


def test_no_secret_is_one_line(manage) -> None:
    assert_one_line(manage("sim", "launcher", env={"PATH": ""}), "PS", "export PS=")
    assert_one_line(manage("sim", "launcher", "status", env={"PATH": "", "PS": ""}), "PS", "export PS=")


def test_the_status_is_a_table(launch, connect, manage) -> None:
    server, _ = launch()
    ask = ["sim", "launcher", "status", "--host", "127.0.0.1", "--port", str(server.port)]
    environment = {"PATH": "", "PS": SECRET}
    assert manage(*ask, env=environment).stdout.startswith("0 of 3 simulators; 0 started so far")
    _, port = connect(server).request_simulator()
    shown = manage(*ask, env=environment).stdout
    assert f"│ {port} │ running │ 127.0.0.1:" in shown.replace("  ", " ")
    assert "1 of 3 simulators; 1 started so far, 0 connections refused" in shown


def test_a_launcher_that_is_not_there_is_one_line(manage) -> None:
    ask = ["sim", "launcher", "status", "--host", "127.0.0.1", "--port", str(free_ports(1))]
    assert_one_line(manage(*ask, env={"PATH": "", "PS": SECRET}), "does not answer", "manage.py sim launcher")
