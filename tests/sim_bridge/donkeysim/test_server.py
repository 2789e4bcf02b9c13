"""The server as a client without manners meets it."""

import base64
import contextlib
import json
import math
import resource
import socket
import threading
import time
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from errors import UserError
from sim_bridge.donkeysim.messages import CamConfig
from sim_bridge.donkeysim.scenes import SCENES
from sim_bridge.donkeysim.served_car import ServedCar
from sim_bridge.donkeysim.server import MOST_CLIENTS, Server
from sim_bridge.donkeysim.worlds import SHAPES, scene_place
from tests.sim_bridge.donkeysim.wire import RawClient, control

Serve = Callable[..., tuple[str, int]]


def picture(message: dict, field: str = "image") -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(message[field])))


def test_the_server_speaks_first_and_names_its_scenes(serve: Serve) -> None:
    client = RawClient(serve())
    assert client.next("scene_selection_ready")["loaded"] == "1"
    client.send({"msg_type": "get_protocol_version"}, {"msg_type": "get_scene_names"}, {"msg_type": "teleport"})
    assert client.next("protocol_version")["version"] == "2"
    names = client.next("scene_names")["scene_names"]
    assert names[:4] == ["generated_road", "warehouse", "sparkfun_avc", "generated_track"]  # gym 1.0 counts them
    assert set(names) == set(SCENES) == set(SHAPES)
    client.send({"msg_type": "load_scene", "scene_name": "atlantis"}, {"msg_type": "get_scene_names"})
    client.next("scene_names")  # an unknown scene is ignored in silence


@pytest.mark.parametrize("name", ["generated_track", "waveshare", "warehouse", "circuit_launch", "mini_monaco"])
def test_a_scene_is_as_long_as_donkeysims_and_as_tight_and_always_the_same(name: str) -> None:
    track = scene_place(name).simulator.worlds[0].track
    assert track.length_m == pytest.approx(SHAPES[name].length_m, rel=0.02)
    assert 1 / np.abs(track.curvature_per_m).max() == pytest.approx(SHAPES[name].radius_m, rel=0.1)
    assert (track.points == scene_place(name).simulator.worlds[0].track.points).all()


def test_in_lock_step_there_is_a_frame_for_each_control(serve: Serve) -> None:
    client = RawClient(serve(lockstep=True)).into("generated_track")
    first = client.next("telemetry")
    assert first["cte"] == pytest.approx(-2.0)  # the path is in the right lane, the car in the middle
    for message in (control(0.2, 0.3), control(0.2, 0.3), control(0.2, 0.3)):
        client.send(message)
    frames = [client.next("telemetry") for _ in range(3)]
    assert [frame["commands"] for frame in frames] == [1, 2, 3]
    assert [frame["time"] for frame in frames] == pytest.approx([0.05, 0.1, 0.15])
    client.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)
    image = picture(frames[-1])
    assert (image.size, image.mode, image.format) == ((160, 120), "RGB", "JPEG")


def test_telemetry_is_as_the_protocol_has_it(serve: Serve) -> None:
    client = RawClient(serve(lockstep=True)).into("waveshare")
    before = client.next("telemetry")
    for _ in range(20):
        client.send(control(0.5, 0.3))
        frame = client.next("telemetry")
    moved = frame["pos_x"] - before["pos_x"], frame["pos_z"] - before["pos_z"]
    yaw = math.radians(before["yaw"])
    assert moved[0] * math.sin(yaw) + moved[1] * math.cos(yaw) > 0.1  # forward along its yaw
    turned = (frame["yaw"] - before["yaw"] + 180) % 360 - 180
    assert turned > 0  # right is clockwise
    assert frame["gyro_y"] > 0
    assert frame["accel_x"] > 0
    assert frame["speed"] == frame["vel_z"] > 0.3
    assert (frame["vel_x"], frame["hit"], frame["steering_angle"]) == (0, "none", 0.5)
    assert 0 <= frame["activeNode"] < frame["totalNodes"]
    assert frame["totalNodes"] == pytest.approx(8.3 / 0.25, abs=2)
    client.send({"msg_type": "reset_car"})
    again = client.next("telemetry")
    assert (again["pos_x"], again["pos_z"], again["speed"]) == (before["pos_x"], before["pos_z"], 0)


def test_reverse_is_negative_velocity_and_positive_speed(serve: Serve) -> None:
    client = RawClient(serve(lockstep=True)).into("waveshare")
    for _ in range(10):
        client.send({**control(), "throttle": -0.3})  # numbers are read too
        frame = client.next("telemetry")
    client.send(control(0, -0.3))
    assert frame["vel_z"] < 0 < frame["speed"]


def test_real_time_is_20_frames_a_second(serve: Serve) -> None:
    client = RawClient(serve()).into("waveshare")
    times = [client.next("telemetry")["time"] for _ in range(10)]
    assert np.diff(times) == pytest.approx(0.05)


def test_two_cars_are_on_the_same_track_and_neither_is_disturbed(serve: Serve) -> None:
    at = serve(lockstep=True)
    one = RawClient(at).into("waveshare")
    two = RawClient(at)
    assert two.next("car_loaded")["scene_name"] == "waveshare"
    start = one.next("telemetry")
    assert two.next("telemetry")["image"] == start["image"]
    for _ in range(10):
        one.send(control(0, 0.3))
        one.next("telemetry")
    two.send(control())
    assert two.next("telemetry")["pos_x"] == start["pos_x"]


def test_leaving_the_scene_is_for_everyone_and_another_can_be_loaded(serve: Serve) -> None:
    at = serve(lockstep=True)
    one, two = RawClient(at).into("waveshare"), RawClient(at)
    two.next("car_loaded")
    one.send({"msg_type": "exit_scene"}, {"msg_type": "get_scene_names"})
    one.next("scene_names")
    one.into("warehouse")
    assert two.next("car_loaded")["scene_name"] == "warehouse"


def test_cameras_are_configured(serve: Serve) -> None:
    client = RawClient(serve(lockstep=True)).into("waveshare")
    base = client.next("telemetry")
    config = dict.fromkeys(("fov", "fish_eye_x", "fish_eye_y", "offset_x", "offset_y", "offset_z", "rot_x"), "0")
    for encoding, kind in (("PNG", "PNG"), ("TGA", "TGA"), ("JPG", "JPEG")):
        sized = config | {"img_w": "128", "img_h": "128", "img_d": "1", "img_enc": encoding}
        client.send({"msg_type": "cam_config", **sized}, control())
        image = picture(client.next("telemetry"))
        assert (image.size, image.format) == ((128, 128), kind)
        red, green, blue = (np.asarray(channel, int) for channel in image.convert("RGB").split())
        assert np.abs(red - green).max() <= 2
        assert np.abs(red - blue).max() <= 2
    client.send(
        {"msg_type": "cam_config_b", **config, "img_w": "0", "img_h": "0", "img_d": "0", "img_enc": "0"}, control()
    )
    frame = client.next("telemetry")
    assert frame["image_b"] == frame["imageb"]
    assert picture(frame, "image_b").size == (160, 120)
    assert frame["image_b"] != base["image"]
    client.send({"msg_type": "lidar_config", "degPerSweepInc": "2.0"}, control())
    assert client.next("telemetry")["lidar"] == []


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_camera_is_asked_for_there_is_a_picture(data: st.DataObject) -> None:
    ranges = {
        "fov": st.floats(0, 200), "fish_eye_x": st.floats(0, 1), "img_w": st.integers(0, 512),
        "img_h": st.integers(0, 512), "img_d": st.integers(0, 3),
        "img_enc": st.sampled_from(["0", "JPG", "PNG", "TGA"]),
        **{name: st.floats(-1e9, 1e9) for name in ("offset_x", "offset_y", "offset_z", "rot_x", "rot_y", "rot_z")},
    }  # fmt: skip
    car = ServedCar(scene_place("waveshare"))
    for camera in (0, 1):
        config = CamConfig(**{name: data.draw(values, name) for name, values in ranges.items()})
        car.see(config, camera)
    frame = car.telemetry(0)
    assert all(picture(frame, name).size >= (16, 16) for name in ("image", "image_b"))


def test_a_new_road_is_named_by_its_seed_and_is_one_clients_own(serve: Serve) -> None:
    at = serve(lockstep=True)
    one = RawClient(at).into("waveshare")
    one.send({"msg_type": "exit_scene"}, {"msg_type": "load_scene", "scene_name": "generated_road"})
    one.next("car_loaded")
    one.next("telemetry")
    pictures = []
    for seed in (7, 8, 7):
        one.send({"msg_type": "regen_road", "road_style": "0", "rand_seed": str(seed), "turn_increment": "0"})
        one.send({"msg_type": "reset_car"})
        frame = one.next("telemetry")
        pictures.append(frame["image"])
        assert frame["road_middle"] == pytest.approx(-0.44 * frame["road_half_width"])
    assert pictures[0] == pictures[2] != pictures[1]


def test_position_nodes_pause_and_step_mode(serve: Serve) -> None:
    client = RawClient(serve()).into("waveshare")
    client.send(
        {"msg_type": "step_mode", "step_mode": "synchronous", "time_step": "0.05"},
        {"msg_type": "node_position", "index": "9"},
    )
    node = client.next("node_position")
    assert node["index"] == 9
    client.send(
        {
            "msg_type": "set_position",
            **{key: str(node[key]) for key in ("pos_x", "pos_y", "pos_z", "Qx", "Qy", "Qz", "Qw")},
        }
    )
    client.send(control())
    while (frame := client.next("telemetry"))["commands"] < 1:
        pass
    assert abs(frame["pos_x"] * 8 - node["pos_x"]) < 1.7
    assert abs(frame["cte"]) < 0.5
    client.send(
        {"msg_type": "pause", "is_pause": False}, control(0, 1), {"msg_type": "pause", "is_pause": True}, control()
    )
    assert client.next("telemetry")["commands"] == 3


def test_the_start_line_is_crossed_at_the_start_and_at_each_lap(serve: Serve) -> None:
    from sim_bridge.pursuit import pure_pursuit

    car = ServedCar(scene_place("waveshare"))
    crossings = []
    for step in range(300):
        car.control(float(pure_pursuit(car._simulator)[0]), 0.3, 0)
        if car.step():
            crossings.append(step)
    assert crossings[0] == 0
    assert len(crossings) in (3, 4)


def test_a_message_with_a_number_that_is_none_is_lost_and_no_more(serve: Serve) -> None:
    client = RawClient(serve(lockstep=True)).into("waveshare")
    client.next("telemetry")
    for value in ("NaN", "1e999", "x", "", None, True, [], "9" * 1000):
        client.send({**control(), "steering": value})
    client.send({"msg_type": "cam_config", "img_w": "-5"}, {"msg_type": "node_position"}, {"msg_type": "set_position"})
    client.send({"msg_type": "regen_road", "rand_seed": "x"}, {"msg_type": "car_config", "body_r": "red"})
    client.send(control(1.5, 7))
    frame = client.next("telemetry")
    assert (frame["commands"], frame["steering_angle"], frame["throttle"]) == (1, 1, 1)


HOSTILE = [
    b"\x00\xff" * 5000,
    b"{" * 60_000,
    b'{"msg_type":"' + b"x" * 100_000,
    b'{"msg_type":"x","a":' + b"[" * 60_000,
    json.dumps({"msg_type": "teleport"}).encode() * 20_000,
    json.dumps({"msg_type": "get_scene_names"}).encode() * 20_000,
    json.dumps({"msg_type": "regen_road", "rand_seed": "1"}).encode() * 500,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"",
]


def test_whatever_comes_in_the_others_drive_on(serve: Serve) -> None:
    at = serve(lockstep=True)
    good = RawClient(at).into("waveshare")
    good.next("telemetry")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data in HOSTILE * 2:
        bad = socket.create_connection(at)
        with contextlib.suppress(OSError):
            bad.settimeout(2)
            bad.sendall(data)
        good.send(control(0, 0.1))
        assert good.next("telemetry")["hit"] == "none"
        bad.close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB


def test_a_flood_is_cut_off(serve: Serve) -> None:
    client = RawClient(serve())
    with contextlib.suppress(OSError):
        for _ in range(20):
            client.send(*[{"msg_type": "teleport"}] * 1000)
    assert client.ended()


def test_who_never_reads_gets_no_memory_and_the_others_their_frames(serve: Serve) -> None:
    at = serve()
    stuck = RawClient(at).into("waveshare")
    stuck.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    good = RawClient(at)
    times = [good.next("telemetry")["time"] for _ in range(30)]
    assert np.diff(times) == pytest.approx(0.05)
    stuck.close()


def test_there_is_an_end_to_how_many_may_come(serve: Serve) -> None:
    at = serve()
    clients = [RawClient(at) for _ in range(MOST_CLIENTS)]
    for client in clients:
        client.next("scene_selection_ready")
    assert RawClient(at).ended()
    clients.pop().close()
    time.sleep(1)
    RawClient(at).next("scene_selection_ready")


def test_quit_ends_the_server_where_nobody_else_is_there(serve: Serve) -> None:
    server = Server()
    at = server.listen(port=0)
    thread = threading.Thread(target=server.serve)
    thread.start()
    one, two = RawClient(at), RawClient(at)
    one.next("scene_selection_ready")
    two.next("scene_selection_ready")
    one.send({"msg_type": "quit_app"})
    assert one.ended()
    assert thread.is_alive()
    two.send({"msg_type": "quit_app"})
    thread.join(5)
    assert not thread.is_alive()


def test_who_is_seen_to_have_left_is_counted_no_more() -> None:
    """However long the log takes, as a busy machine's does."""
    server = Server(log=lambda _: time.sleep(0.3))
    at = server.listen(port=0)
    thread = threading.Thread(target=server.serve)
    thread.start()
    client = RawClient(at)
    client.next("scene_selection_ready")
    assert server.stage.clients == 1
    client.send({"msg_type": "quit_app"})
    assert client.ended()
    assert server.stage.clients == 0
    thread.join(5)
    assert not thread.is_alive()


def test_a_port_that_is_taken_is_one_line(serve: Serve) -> None:
    _, port = serve()
    with pytest.raises(UserError, match=f"cannot listen at 127.0.0.1:{port}: .*in use.*--port"):
        Server().listen(port=port)
    with pytest.raises(UserError, match="there is no table 'raal'"):
        Server(table="raal")
