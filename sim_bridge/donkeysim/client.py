"""One car in a DonkeySim, by wire: connect, load the scene, configure the car, drive it, look through its camera.

Nothing here waits without end: each step has a time-out, and its error says which step it was.
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from errors import UserError
from sim_bridge.donkeysim.framing import Lines, Message, Nonsense, encode
from sim_bridge.donkeysim.messages import CamConfig, CarConfig, LidarConfig, RacerInfo, control, plain
from sim_bridge.donkeysim.scenes import scene_named
from sim_bridge.donkeysim.telemetry import BadTelemetry, Telemetry, read

CONNECT_S = 5.0
HELLO_S = 10.0  # to the first word, which is the simulator's
SCENE_S = 60.0  # to load one: Unity takes its time, and a road of 250 m takes ours a few seconds
ASK_AGAIN_S = 2.0  # a menu that was left and entered again does not say that it is ready
FRAME_S = 5.0  # 100 frames
RESET_S = 10.0
CONFIG_PAUSE_S = 0.1  # Unity's simulator has trouble with messages that come too quickly
FEWEST_SETTLING = 4  # frames: the first may be from before the reset, where a simulator does not count commands
STANDS_M_S = 0.1
LOADED = ("car_loaded", "need_car_config")
_READ_BYTES, _MOST_READS = 262_144, 64  # and so often at once: more than a simulator can have sent meanwhile


class SimulatorError(UserError):
    """The simulator cannot be used. The message is one line: the step that failed, the cause and the remedy."""


class SimulatorLost(SimulatorError):
    """It was there, and has gone, or answers no more: it may be back."""


@dataclass(frozen=True)
class CarOptions:
    """What a simulator is told of the car before it drives; None is not sent."""

    cam_config: CamConfig | None = None
    cam_config_b: CamConfig | None = None  # the second camera, which this switches on
    lidar_config: LidarConfig | None = None
    car_config: CarConfig | None = None
    racer_info: RacerInfo | None = None

    def messages(self) -> list[Message]:
        """In the order in which they are sent."""
        parts = vars(self)
        names = ("racer_info", "car_config", "cam_config", "cam_config_b", "lidar_config")
        return [parts[name].message(name) for name in names if parts[name] is not None]


class Car:
    """A car in a simulator. `drive` tells it what to do, `frame` waits for what comes of it."""

    def __init__(
        self,
        where: Callable[[], tuple[str, int]],
        scene: str,
        options: CarOptions = CarOptions(),
        *,
        joins: bool = False,
        frame_s: float = FRAME_S,
    ) -> None:
        """Nothing is connected yet. where: host and port, asked for at each connect. joins: a scene that is loaded
        already is taken for ours where the simulator does not say which it is, because other cars drive in it.
        Raises UserError for a scene that there is none of."""
        self._where, self.scene, self._options = where, scene_named(scene), options
        self._joins, self._frame_s = joins, frame_s
        self._socket: socket.socket | None = None
        self._lines = Lines()
        self._waiting: list[Message] = []  # received, and not looked at yet
        self._commands = 0  # sent over this connection
        self._lap_began: tuple[int, float] | None = None  # the start line's number, and when the car last crossed it
        self.laps, self.lap_s = 0, 0.0  # since the reset, and the last one's time
        self.ours = self.lockstep = False  # it is our own server; it waits for commands
        self.disqualified = False  # or a checkpoint was missed: the episode is over
        self.bad_frames = 0
        self.name = "the simulator"

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno() if self._socket else -1

    def connect(self) -> None:
        """Connect, load the scene, configure the car. Raises SimulatorError: could not connect, or SimulatorLost."""
        self.close()
        host, port = self._where()
        self.name = f"the simulator at {host}:{port}"
        try:
            self._socket = socket.create_connection((host, port), CONNECT_S)
        except (OSError, UnicodeError) as error:
            raise SimulatorLost(
                f"cannot connect to {self.name}: {error}; start it there, or name another address"
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(self._frame_s)
        self._lines, self._waiting, self._commands = Lines(), [], 0
        try:
            self._into_the_scene()
            for message in self._options.messages():
                self.send(message)
                time.sleep(CONFIG_PAUSE_S)
        except SimulatorError:
            self.close()
            raise
        self._joins = True  # the next time it is the scene that we loaded

    def close(self) -> None:
        """Leave; the scene stays loaded."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, message: Message) -> None:
        """Raises SimulatorLost."""
        if self._socket is None:
            raise SimulatorLost(f"{self.name} is not connected; reset the environment")
        try:
            self._socket.sendall(encode(message))  # and nothing after it: see framing.py
        except OSError as error:
            self._lose(f"sending {message['msg_type']} to {self.name} failed: {error}", error)

    def drive(self, steering: float, throttle: float, brake: float = 0.0) -> None:
        """A command, in force until the next one; frames that came before it will not be returned any more.

        Raises SimulatorLost.
        """
        self._take_in()
        self._look_through()
        self._commands += 1
        self.send(control(steering, throttle, brake))

    def frame(self, timeout_s: float | None = None) -> Telemetry:
        """The next frame that can be used; the newest, where several wait. Raises SimulatorLost after the time-out."""
        return self._frame_by(time.monotonic() + (timeout_s or self._frame_s))

    def frame_now(self) -> Telemetry | None:
        """The newest frame since the last command, None where none has come yet. Raises SimulatorLost."""
        self._take_in()
        return self._look_through()

    def new_road(self, seed: int) -> None:
        """Ask for another road; only generated_road has others. A reset has to follow. Raises SimulatorLost."""
        self.send(plain("regen_road", road_style=0, rand_seed=seed % 2**31, turn_increment=0.0))

    def reset(self) -> Telemetry:
        """Back to the start, standing: its first frame that is surely from after the reset. Raises SimulatorLost."""
        end = time.monotonic() + RESET_S
        self.drive(0.0, 0.0, 1.0)
        self.send(plain("reset_car"))
        settled = 0
        while time.monotonic() < end:
            self.drive(0.0, 0.0, 1.0)
            frame = self.frame()
            settled = settled + 1 if abs(frame.speed_m_s) < STANDS_M_S and frame.hit == "none" else 0
            if settled >= (FEWEST_SETTLING if frame.commands is None else 1):
                self._lap_began, self.laps, self.lap_s, self.disqualified = None, 0, 0.0, False
                return frame
        self._lose(f"resetting the car in {self.name}: it does not come to rest within {RESET_S:g} s")

    def _into_the_scene(self) -> None:
        """The menu, a scene we do not know, or ours: to a car in our scene."""
        hello = self._expect(("scene_selection_ready", *LOADED), HELLO_S, "waiting for its first message")
        if hello["msg_type"] in LOADED:
            theirs = self._welcomed(hello)
            if theirs == self.scene or (theirs is None and self._joins):
                return
            self.send(plain("exit_scene"))
        end, names = time.monotonic() + SCENE_S, None
        while names is None:  # who leaves a scene is not told when the menu is there
            self.send(plain("get_scene_names"))
            names = self._wait_for(("scene_names",), min(end, time.monotonic() + ASK_AGAIN_S))
            if names is None and time.monotonic() >= end:
                self._lose(f"asking {self.name} for its scenes: no answer within {SCENE_S:g} s")
        offered = names.get("scene_names")
        if not isinstance(offered, list) or self.scene not in offered:
            what = ", ".join(str(name)[:40] for name in offered[:20]) if isinstance(offered, list) else "none"
            raise SimulatorError(f"{self.name} has no scene {self.scene!r}; it has {what}")
        self.send(plain("load_scene", scene_name=self.scene))
        self._welcomed(self._expect(LOADED, SCENE_S, f"loading the scene {self.scene}"))

    def _welcomed(self, loaded: Message) -> object:
        """There is a car. Our own server says in which scene, which is returned, and whether it is in lock-step."""
        self.ours, self.lockstep = "scene_name" in loaded, loaded.get("lockstep") is True
        return loaded.get("scene_name")

    def _expect(self, types: tuple[str, ...], within_s: float, doing: str) -> Message:
        message = self._wait_for(types, time.monotonic() + within_s)
        if message is None:
            self._lose(f"{doing}, {self.name}: nothing within {within_s:g} s; is it a DonkeySim?")
        return message

    def _wait_for(self, types: tuple[str, ...], end: float) -> Message | None:
        """The next message of one of these types; all before it are dropped. None after the end."""
        while True:
            while self._waiting:
                message = self._waiting.pop(0)
                if message["msg_type"] in types:
                    return message
            if time.monotonic() >= end:
                return None
            self._received(end - time.monotonic())

    def _frame_by(self, end: float) -> Telemetry:
        while True:
            found = self._look_through()
            if found is not None:
                return found
            left_s = end - time.monotonic()
            if left_s <= 0:
                bad = f"; {self.bad_frames} could not be used" if self.bad_frames else ""
                self._lose(f"waiting for a frame of {self.name}: none within {self._frame_s:g} s{bad}")
            self._received(left_s)

    def _look_through(self) -> Telemetry | None:
        """Take note of all that waits; the newest frame among it."""
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._note(message)
        for message in reversed(waiting):
            if message["msg_type"] == "telemetry":
                try:
                    frame = read(message)
                except BadTelemetry:
                    self.bad_frames += 1
                    continue
                if frame.commands is None or frame.commands >= self._commands:
                    return frame
        return None

    def _note(self, message: Message) -> None:
        kind = message["msg_type"]
        if kind in ("DQ", "missed_checkpoint"):
            self.disqualified = True
        elif kind == "collision_with_starting_line":
            line, at_s = message.get("starting_line_index"), message.get("timeStamp")
            if isinstance(line, int) and isinstance(at_s, (int, float)):
                self._crossed(line, float(at_s))
        elif kind == "cross_start":  # builds of 2020
            with contextlib.suppress(ValueError, TypeError):
                self.lap_s, self.laps = float(message["lap_time"]), self.laps + 1

    def _crossed(self, line: int, at_s: float) -> None:
        if self._lap_began and self._lap_began[0] == line:
            self.laps, self.lap_s = self.laps + 1, at_s - self._lap_began[1]
        if self._lap_began is None or self._lap_began[0] == line:
            self._lap_began = line, at_s

    def _take_in(self) -> None:
        """All that has come, without waiting. Raises SimulatorLost."""
        for _ in range(_MOST_READS):
            if not self._received(0.0):
                return

    def _received(self, wait_s: float) -> bool:
        """Take in what there is, after waiting for it at most so long. Raises SimulatorLost."""
        if self._socket is None:
            raise SimulatorLost(f"{self.name} is not connected; reset the environment")
        try:
            if not select.select([self._socket], [], [], max(0.0, wait_s))[0]:
                return False
            data = self._socket.recv(_READ_BYTES)
            if not data:
                self._lose(f"{self.name} has closed the connection; is it still running?")
            self._waiting += self._lines.feed(data)
        except Nonsense as error:
            self._lose(f"{self.name} does not speak DonkeySim's language: {error}", error)
        except OSError as error:
            self._lose(f"{self.name} is gone: {error}", error)
        return True

    def _lose(self, why: str, error: Exception | None = None) -> NoReturn:
        self.close()
        raise SimulatorLost(why) from error
