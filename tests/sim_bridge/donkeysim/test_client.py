"""The client, against our server and against simulators that misbehave: it never hangs, and says what failed."""

import base64
import contextlib
import json
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial

import cv2
import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import UserError
from settings import PROJECT
from sim_bridge import make_env, make_vector_env
from sim_bridge.address import parse_address
from sim_bridge.donkeysim import client as client_module
from sim_bridge.donkeysim import env as env_module
from sim_bridge.donkeysim.client import Car, CarOptions, SimulatorError, SimulatorLost
from sim_bridge.donkeysim.driver import Limits
from sim_bridge.donkeysim.messages import CamConfig, CarConfig, LidarConfig, RacerInfo
from sim_bridge.donkeysim.scenes import ENV_IDS, ROADS, Road
from sim_bridge.donkeysim.telemetry import BadTelemetry, read
from tests.sim_bridge.donkeysim.test_framing import FRAGMENTS
from tests.sim_bridge.donkeysim.wire import simulator

Serve = Callable[..., tuple[str, int]]
JPEG = base64.b64encode(cv2.imencode(".jpg", np.full((120, 160, 3), 90, np.uint8))[1].tobytes()).decode()


def frame(**fields: object) -> bytes:
    message = {"msg_type": "telemetry", "image": JPEG, "hit": "none", "cte": -2.0, "speed": 0.0, "vel_z": 0.0}
    return json.dumps(message | fields).encode() + b"\n"


def test_the_env_passes_gymnasiums_checker(serve: Serve) -> None:
    host, port = serve(lockstep=True)
    with (
        warnings.catch_warnings(),
        contextlib.closing(make_env("donkeysim", host=host, port=port, scene="waveshare")) as env,
    ):
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*render.*|.*spec.*")
        check_env(env)


def test_the_original_ids_are_accepted(serve: Serve) -> None:
    host, port = serve(lockstep=True)
    assert len(ENV_IDS) == 11
    env = make_env("donkey-waveshare-v0", host=host, port=port)
    env.reset()
    observation, reward, terminated, truncated, _ = env.step(3)
    assert observation.shape == (64, 64, 4)
    assert 0 < reward <= 1
    assert not terminated
    assert not truncated
    env.close()


def test_an_episode_ends_off_the_road_and_the_next_begins_at_the_start(serve: Serve) -> None:
    host, port = serve(lockstep=True)
    env = make_env("donkeysim", host=host, port=port, scene="waveshare")
    first, _ = env.reset()
    for _ in range(200):
        _, reward, terminated, _, info = env.step(6)
        if terminated:
            break
    assert terminated
    assert reward == 0
    assert abs(info["offset_m"]) > 0.4
    again, info = env.reset()
    assert (again == first).all()
    assert info["speed_m_s"] == 0
    assert info["driven_m"] == 0


def test_an_action_is_in_the_frame_that_answers_it(serve: Serve) -> None:
    """Also after others were sent that nobody waited for."""
    host, port = serve(lockstep=True)
    car = Car(lambda: (host, port), "waveshare")
    car.connect()
    car.reset()
    for steering in (0.1, 0.2, 0.3):
        car.drive(steering, 0.2)
    assert car.frame().commands == car._commands
    car.close()


def test_reward_and_end_are_computed_here() -> None:
    """Of what a simulator says that tells nothing of its road: the middle is at -2 on the generated track."""
    said: list[dict] = []
    answers = {
        "-0.2500": {"cte": -2.0, "vel_z": 1.0},  # in the middle
        "0.0000": {"cte": -2.0, "vel_z": -1.0},  # in reverse
        "0.2500": {"cte": -6.0, "vel_z": 1.0},  # half a metre to the left, which is still road
        "-0.5000": {"cte": 3.1, "vel_z": 1.0},  # off the road
    }

    def talk(connection: socket.socket) -> None:
        connection.sendall(b'{"msg_type":"car_loaded"}\n')
        decoder, text = json.JSONDecoder(), ""
        while data := connection.recv(4096):
            assert b"\n" not in data
            text += data.decode()
            while text:
                message, end = decoder.raw_decode(text)
                said.append(message)
                text = text[end:]
                if message["msg_type"] == "control":
                    connection.sendall(frame(**({} if message["brake"] == "1" else answers[message["steering"]])))

    with simulator(talk) as (host, port):
        limits = Limits(0.5, 0, 0.1)
        env = make_env("donkeysim", host=host, port=port, scene="generated_track", joins=True, limits=limits)
        env.reset()
        outcomes = [env.step(action) for action in (2, 2, 3, 3, 4, 4, 0, 0)][1::2]  # the first may be of before
        env.close()
    rewards = [round(reward, 3) for _, reward, *_ in outcomes]
    assert rewards[:2] == [1.0, 0.0]
    assert 0 < rewards[2] < 0.2
    assert rewards[3] == 0
    assert [terminated for _, _, terminated, *_ in outcomes] == [False, False, False, True]
    assert all(isinstance(value, str) for message in said for value in message.values())
    assert said[-1] == {"msg_type": "control", "steering": "-0.5000", "throttle": "0.1000", "brake": "0"}


def test_stale_frames_after_a_reset_are_waited_out() -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(b'{"msg_type":"car_loaded"}\n')
        stale = [frame(cte=-9.0, speed=2.0, hit="wall")] * 3
        for data in [*stale, *[frame()] * 20]:
            connection.recv(4096)
            connection.sendall(data)

    with simulator(talk) as (host, port):
        env = make_env("donkeysim", host=host, port=port, joins=True)
        _, info = env.reset()
        env.close()
    assert (info["offset_m"], info["speed_m_s"], info["hit"]) == (0, 0, "none")


def say(*lines: bytes, hold_s: float = 0.0) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        for line in lines:
            connection.sendall(line)
            connection.settimeout(0.3)
            try:
                connection.recv(4096)
            except TimeoutError:
                continue
        time.sleep(hold_s)

    return talk


MENU, NAMES = b'{"msg_type":"scene_selection_ready"}\n', b'{"msg_type":"scene_names","scene_names":["waveshare"]}\n'
LOADED = b'{"msg_type":"car_loaded"}\n'


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (say(hold_s=2), "waiting for its first message.*nothing within 0.5 s"),
        (say(MENU, hold_s=3), "asking the simulator at .* for its scenes: no answer"),
        (
            say(MENU, b'{"msg_type":"scene_names","scene_names":["moon"]}\n', hold_s=1),
            "has no scene 'waveshare'; it has moon",
        ),
        (say(MENU, NAMES, hold_s=2), "loading the scene waveshare.*nothing within 0.5 s"),
        (say(LOADED, hold_s=2), "waiting for a frame of the simulator at .*: none within 0.5 s"),
        (say(LOADED, *[frame(image="!")] * 9), "frame|closed"),
        (say(LOADED), "closed the connection|is gone|failed"),
        (say(LOADED, *[frame(speed=3.0)] * 40), "does not come to rest within 1 s|closed the connection|failed"),
        (say(b"HTTP/1.0 400\n" * 2000, hold_s=1), "does not speak DonkeySim's language"),
        (say(), "closed the connection"),
    ],
)
def test_each_step_that_fails_is_named(talk, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HELLO_S": 0.5,
        "SCENE_S": 0.5,
        "ASK_AGAIN_S": 0.2,
        "RESET_S": 1.0,
        "CONFIG_PAUSE_S": 0,
    }.items():
        monkeypatch.setattr(client_module, name, value)
    with simulator(talk) as at:
        car = Car(lambda: at, "waveshare", joins=True, frame_s=0.5)
        with pytest.raises(SimulatorError, match=words):
            _ = car.connect(), car.reset()
        assert not car.connected


def test_nobody_there_is_one_line() -> None:
    with pytest.raises(SimulatorLost, match="cannot connect to the simulator at 127.0.0.1:1: .*start it there"):
        make_env("donkeysim", port=1).reset()


def test_a_scene_that_is_loaded_already_is_left_where_it_may_be_another(serve: Serve) -> None:
    host, port = serve(lockstep=True)
    one = make_env("donkeysim", host=host, port=port, scene="waveshare")
    one.reset()
    one.close()
    two = make_env("donkeysim", host=host, port=port, scene="generated_track")
    _, info = two.reset()
    assert info["cte"] == -2.0  # the generated track's middle
    two.close()


def test_everything_is_configured(serve: Serve) -> None:
    host, port = serve(lockstep=True)
    options = CarOptions(
        cam_config=CamConfig(img_w=160, img_h=120, img_enc="PNG"), cam_config_b=CamConfig(rot_y=30),
        lidar_config=LidarConfig(), car_config=CarConfig(car_name="a{b}"), racer_info=RacerInfo(racer_name="me"),
    )  # fmt: skip
    for message in options.messages():
        assert all(isinstance(value, str) and "{" not in value for value in message.values())
    assert "degPerSweepInc" in LidarConfig().message("lidar_config")
    env = make_env("donkeysim", host=host, port=port, scene="waveshare", options=options, frame_skip=3)
    _, before = env.reset()
    _, reward, _, _, info = env.step(3)
    assert info["image_b"].shape == (120, 160, 3)
    assert info["lidar"] == []
    assert info["time_s"] - before["time_s"] == pytest.approx(0.15)
    assert 2 < reward <= 3
    env.close()


def test_several_cars_and_one_that_goes(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env_module, "FIRST_PAUSE_S", 0.1)
    host, port = serve(lockstep=True)
    told: list[str] = []
    env = make_vector_env(
        3, f"donkeysim://{host}:{port}/generated_road", new_roads=True, max_steps=20, tell=told.append
    )
    observation, _ = env.reset(seed=1)
    assert env.worlds_are_ours
    assert (observation[0] != observation[1]).any()
    for step in range(30):
        env.send(np.full(3, 3))
        while not env.arrived():
            time.sleep(0.001)
        if step == 5:
            env._drivers[1].car.close()  # as if its simulator had gone
        _, rewards, terminated, truncated, infos = env.receive()
        if infos["lost"].any():
            assert infos["lost"].tolist() == [False, True, False]
            assert not terminated[1]
            assert truncated[1]
            assert rewards[1] == 0
            break
    else:
        raise AssertionError("nobody noticed")
    observation, rewards, *_ = env.step(np.full(3, 3))
    assert (observation[1] == observation[1, :, :, :1]).all()  # a new episode's first frame
    assert rewards[1] == 0
    assert "not connected" in told[0]
    env.close()


def test_a_simulator_that_is_killed_and_started_again_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env_module, "FIRST_PAUSE_S", 0.2)
    first, port = start(0)
    told: list[str] = []
    env = make_vector_env(2, f"donkeysim://127.0.0.1:{port}/waveshare", tell=told.append)
    env.reset()
    env.step(np.full(2, 3))
    first.kill()
    first.wait()
    cut = env.step(np.full(2, 3))[3]
    assert cut.all()
    second, _ = start(port)
    try:
        env.step(np.full(2, 3))
        _, rewards, _, truncated, _ = env.step(np.full(2, 3))
        assert (rewards > 0).all()
        assert not truncated.any()
        assert any("is back" in line for line in told) or len(told) == 2
    finally:
        env.close()
        second.terminate()
        assert second.wait(10) == 0


def start(port: int) -> tuple[subprocess.Popen, int]:
    """`sim serve` as a process, when it listens; its port."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sim", "serve", "--lockstep", "--port", str(port)],
        cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    line = process.stdout.readline()
    return process, int(line.split("127.0.0.1:")[1].split(",")[0])


def test_who_waits_for_a_simulator_in_vain_gives_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env_module, "GIVE_UP_S", 0.5)
    monkeypatch.setattr(env_module, "FIRST_PAUSE_S", 0.1)
    where = [serve(lockstep=True)]
    env = env_module.DonkeySimVectorEnv([lambda: where[0]], "waveshare")
    env.reset()
    env.step(np.array([3]))
    env._drivers[0].car.close()
    where[0] = ("127.0.0.1", 1)
    assert env.step(np.array([3]))[3].all()
    with pytest.raises(SimulatorLost, match="cannot connect"):
        env.step(np.array([3]))


def test_stepping_before_a_reset_is_an_error() -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        make_env("donkeysim").step(0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from(FRAGMENTS), st.just(frame()), st.just(LOADED), st.binary(max_size=30)), max_size=8
    )
)
def test_whatever_a_simulator_sends_the_client_says_so(pieces: list[bytes]) -> None:
    client, server = socket.socketpair()
    car = Car(lambda: ("", 0), "waveshare", frame_s=0.02)
    car._socket = client
    with server:
        server.sendall(b"".join(pieces))
        for call in (partial(car.drive, 0, 0), car.frame, car.frame_now):
            with contextlib.suppress(SimulatorLost):  # nothing else
                call()
    car.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"image": 5}, {"image": ""}, {"cte": "NaN"}, {"cte": "INFINITY"}, {"cte": None}, {"speed": []}, {"pos_x": {}},
        {"lidar": [1]}, {"vel_z": True}, {"road_half_width": 0, "road_middle": 0}, {"image": "a"}, {"time": 10**400},
    ],
)  # fmt: skip
def test_a_frame_that_is_broken_is_none(fields: dict) -> None:
    with pytest.raises(BadTelemetry):
        read({"msg_type": "telemetry", "image": JPEG} | fields).luma()


def test_pictures_are_measured_before_they_are_unpacked() -> None:
    bomb = cv2.imencode(".png", np.zeros((6000, 6000), np.uint8))[1].tobytes()
    for data in (bomb, b"GIF89a", b"\xff\xd8\xff" + bytes(50), bytes((0, 0, 2, *[0] * 9, 255, 255, 255, 255, 24, 0))):
        with pytest.raises(BadTelemetry, match="picture"):
            read({"image": base64.b64encode(data).decode()}).luma()


def test_addresses() -> None:
    assert parse_address("embedded") is None
    address = parse_address("donkeysim://box:9093/donkey-warehouse-v0?road=original")
    assert (address.host, address.port, address.scene, address.road) == ("box", 9093, "warehouse", Road(-2.25, 3.2))
    assert ROADS["original"].offset_m(-2.25) == 0
    assert parse_address("donkeysim://box").port == 9091
    host = "donkeysim://h"
    for wrong in (
        "donkeysim://", "http://x/y", "x", f"{host}:99999/waveshare", f"{host}/moon", f"{host}/waveshare?road=x",
        f"{host}/waveshare?a=b", "donkeysim://u@h/waveshare",
    ):  # fmt: skip
        with pytest.raises(UserError):
            parse_address(wrong)
