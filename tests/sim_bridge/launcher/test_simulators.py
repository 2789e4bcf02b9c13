"""Simulators come when they are asked for, and always go: with real processes."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from errors import UserError
from settings import PROJECT
from sim_bridge.launcher import Client, LauncherError, Server, start_server
from sim_bridge.launcher.messages import Start
from tests.sim_bridge.launcher.parts import SECRET, Raw, StandIn, free_ports, listens, lives, wait_until


def first_word(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as wire:
        return wire.recv(1000)


def test_a_client_gets_a_simulator_that_is_up_and_ends_it(launch, connect) -> None:
    server, stand_in = launch()
    client = connect(server)
    host, port = client.request_simulator()
    assert (host, port) == ("127.0.0.1", server.ports[0])
    assert b"scene_selection_ready" in first_word(port)
    assert client.ping() == client.simulators == ((host, port),)
    client.kill_sim()
    assert client.simulators == ()
    assert not stand_in.living()
    assert not listens(port)


def test_one_of_several_is_ended(launch, connect) -> None:
    server, stand_in = launch()
    client = connect(server)
    first, second = client.request_simulator(), client.request_simulator()
    client.kill_sim(first)
    assert client.ping() == (second,)
    assert len(stand_in.living()) == 1
    with pytest.raises(LauncherError, match=f"no simulator on port {first.port}"):
        client.kill_sim(first)


def test_one_that_has_just_died_is_ended_as_asked(launch, connect) -> None:
    """Between a client's question what it has and its word to end that: what it asked for is so."""
    server, stand_in = launch()
    client, other = connect(server), connect(server)
    simulator = client.request_simulator()
    os.kill(stand_in.all()[0], signal.SIGKILL)
    assert wait_until(lambda: not other.status().slots)
    client.kill_sim(simulator)
    with pytest.raises(LauncherError, match="this client has no simulator on port"):
        client.kill_sim(simulator)


def test_the_block_ends_the_simulators(launch) -> None:
    server, stand_in = launch()
    with Client("127.0.0.1", server.port, SECRET) as client:
        client.request_simulator()
        assert len(stand_in.living()) == 1
    assert wait_until(lambda: not stand_in.living())


def test_no_more_than_most_at_once_and_a_slot_that_is_freed_is_given_again(launch, connect) -> None:
    server, _ = launch(most=2)
    client, other = connect(server), connect(server)
    one = client.request_simulator()
    other.request_simulator()
    with pytest.raises(LauncherError, match="all 2 simulators are taken"):
        client.request_simulator()
    client.kill_sim(one)
    assert other.request_simulator().port == one.port


def test_nobody_ends_the_simulators_of_another(launch, connect) -> None:
    server, stand_in = launch()
    client, other = connect(server), connect(server)
    simulator = client.request_simulator()
    with pytest.raises(LauncherError, match="no simulator on port"):
        other.kill_sim(simulator)
    other.kill_sim()
    assert client.ping() == (simulator,)
    assert len(stand_in.living()) == 1


@pytest.mark.parametrize("how", ["well", "stubborn", "family"])
def test_the_slot_of_a_simulator_that_dies_is_free(launch, connect, how: str) -> None:
    server, stand_in = launch(how, most=1)
    client = connect(server)
    simulator = client.request_simulator()
    os.kill(stand_in.all()[0], signal.SIGKILL)
    assert wait_until(lambda: client.ping() == ())
    assert not stand_in.living()
    assert client.request_simulator() == simulator  # the same port


@pytest.mark.parametrize("how", ["well", "stubborn", "family"])
def test_nothing_is_left_of_a_simulator_that_is_ended(launch, connect, how: str) -> None:
    server, stand_in = launch(how)
    client = connect(server)
    _, port = client.request_simulator()
    assert len(stand_in.living()) == (2 if how == "family" else 1)
    client.kill_sim()
    assert not stand_in.living()
    assert not listens(port)


def test_a_frozen_simulator_is_ended(launch, connect) -> None:
    server, stand_in = launch()
    client = connect(server)
    client.request_simulator()
    os.kill(stand_in.all()[0], signal.SIGSTOP)
    client.kill_sim()
    assert not stand_in.living()


def warden_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_simulator_does_not_outlive_its_warden(launch, connect) -> None:
    server, stand_in = launch(most=1)
    client = connect(server)
    client.request_simulator()
    os.kill(warden_of(stand_in.all()[0]), signal.SIGKILL)
    assert wait_until(lambda: not stand_in.living() and client.ping() == ())
    client.request_simulator()


def test_a_port_of_another_program_is_passed_over(launch, connect, capfd) -> None:
    server, stand_in = launch(most=2)
    client = connect(server)
    with socket.create_server(("127.0.0.1", server.ports[0])):
        assert client.request_simulator().port == server.ports[1]
        with pytest.raises(LauncherError, match="other programs have the ports of the 1 simulators that are free"):
            client.request_simulator()
        assert len(stand_in.all()) == 1
    assert f"port {server.ports[0]} is taken by another program" in capfd.readouterr().err
    assert client.request_simulator().port == server.ports[0]


def test_a_port_that_a_connection_has_just_left_is_used_again(launch, connect) -> None:
    server, stand_in = launch("dying", most=1)
    client = connect(server)
    for _ in range(2):  # the simulator closes first, so its end of the connection lingers in TIME_WAIT
        client.request_simulator()
        assert wait_until(lambda: client.ping() == ())
    assert len(stand_in.all()) == 2


def test_a_simulator_that_says_nothing_is_given_up(launch, connect) -> None:
    server, stand_in = launch("silent", most=1, start_s=1)
    client = connect(server)
    with pytest.raises(LauncherError, match=f"did not answer on port {server.ports[0]} within 1 s"):
        client.request_simulator()
    assert wait_until(lambda: not stand_in.living())
    assert wait_until(lambda: client.status().slots == ())


def test_a_simulator_that_does_not_start_is_told_with_its_code(launch, connect) -> None:
    server, _ = launch("dead")
    client = connect(server)
    with pytest.raises(LauncherError, match="ended with code 5 before it answered"):
        client.request_simulator()
    assert client.status().slots == ()


def test_a_client_that_goes_while_its_simulator_starts_leaves_none(launch, connect) -> None:
    server, stand_in = launch("silent", start_s=60)
    raw = Raw(server.port)
    session = raw.greet()
    raw.send(session.sign(Start()))
    assert wait_until(lambda: len(stand_in.living()) == 1)
    assert connect(server).status().slots[0].state == "starting"
    raw.close()
    assert wait_until(lambda: not stand_in.living())


def test_a_client_that_is_killed_leaves_no_simulator(launch) -> None:
    server, stand_in = launch()
    program = (
        "import sys, time; from sim_bridge.launcher import Client\n"
        f"client = Client('127.0.0.1', {server.port}, {SECRET!r}); client.request_simulator(); print(1, flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(stand_in.living()) == 1
        process.kill()
    assert wait_until(lambda: not stand_in.living())


def test_a_client_that_is_silent_for_too_long_loses_its_simulator(launch, connect, capfd) -> None:
    server, stand_in = launch(idle_s=1)
    pinging = connect(server)
    kept = pinging.request_simulator()
    raw = Raw(server.port)
    session = raw.greet()
    raw.send(session.sign(Start()))
    assert b"started" in raw.line()
    assert len(stand_in.living()) == 2
    assert raw.line() == b""  # cut off
    assert wait_until(lambda: len(stand_in.living()) == 1)
    time.sleep(1.5)  # the other one pings by itself
    assert pinging.ping() == (kept,)
    assert "was silent for 1 s" in capfd.readouterr().err


def test_a_launcher_that_comes_back_is_found_again(launch, connect, tmp_path: Path) -> None:
    server, stand_in = launch()
    client = connect(server)
    client.request_simulator()
    server.close()
    assert not stand_in.living()
    with pytest.raises(LauncherError, match="gone, and the simulators"):
        client.ping()
    with pytest.raises(LauncherError, match="does not answer"):
        client.request_simulator()
    first = server.ports[0]
    with start_server(
        port=server.port, secret=SECRET, sim_path=str(stand_in.program), most=1, first_port=first
    ) as again:
        assert client.request_simulator().port == again.ports[0]
        client.kill_sim()


@pytest.mark.parametrize(
    ("how", "end"),
    [
        ("well", signal.SIGTERM),
        ("stubborn", signal.SIGINT),
        ("family", signal.SIGHUP),
        ("stubborn", signal.SIGKILL),
        ("family", signal.SIGKILL),
    ],
)
def test_the_simulators_end_with_the_launcher(tmp_path: Path, how: str, end: signal.Signals) -> None:
    stand_in, port = StandIn(tmp_path, how), free_ports(3)
    first = port + 1
    command = [sys.executable, "manage.py", "sim", "launcher", "--port", str(port), "--first-port", str(first)]
    environment = {"PATH": os.environ["PATH"], "PS": SECRET, "SIM_PATH": str(stand_in.program)}
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True) as launcher:
        assert launcher.stderr is not None
        assert "listening on 127.0.0.1" in launcher.stderr.readline()
        client = Client("127.0.0.1", port, SECRET)
        client.request_simulator()
        client.request_simulator()
        wardens = [warden_of(pid) for pid in stand_in.living()]
        launcher.send_signal(end)
        left = launcher.stderr.read()  # to its end: the wardens have closed it too
    client.close()
    assert launcher.returncode == (-9 if end == signal.SIGKILL else 0), left
    assert "Traceback" not in left
    assert len(stand_in.all()) == (4 if how == "family" else 2)
    assert wait_until(lambda: not stand_in.living()), stand_in.living()
    assert wait_until(lambda: not any(map(lives, wardens)))


def test_the_secret_is_not_handed_to_the_simulators(launch, connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PS", SECRET)
    server, stand_in = launch()
    connect(server).request_simulator()
    assert SECRET.encode() not in Path(f"/proc/{stand_in.all()[0]}/environ").read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"secret": None}, "the environment variable PS has none"),
        ({"sim_path": "/no/such/program"}, "SIM_PATH names no program that can be run: /no/such/program"),
        ({"sim_path": str(PROJECT / "README.md")}, "SIM_PATH names no program"),
        ({"sim_path": "/bin/true", "lockstep": True}, "--lockstep is for our own simulator"),
        ({"host": "no.such.host.invalid"}, "is no IPv4 address"),
        ({"host": "192.0.2.1"}, "cannot be had"),
        ({"first_port": 65_530}, "beyond port 65535"),
        ({"most": 65}, "1 to 64 simulators"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_start(options: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Server(**{"port": 0, "secret": SECRET, **options})


def test_the_ports_of_the_launcher_and_of_unitys_private_server_are_none_of_the_simulators() -> None:
    port = free_ports(1)
    with start_server(port=port, secret=SECRET, first_port=port - 1, most=3) as server:
        assert server.ports == (port - 1, port + 1, port + 2)
    with start_server(port=0, secret=SECRET, first_port=9091, most=3) as server:
        assert server.ports == (9091, 9093, 9094)


def test_a_launcher_that_can_start_no_process_says_so_and_lives(launch, connect) -> None:
    server, _ = launch()
    client = connect(server)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), before[1]))  # not one more file
    try:
        with pytest.raises(LauncherError, match="no process can be started there: Too many open files"):
            client.request_simulator()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    client.request_simulator()
