"""One client of the server, in a thread of its own: what it says, and what its car does then.

Whatever comes in, the conversation ends or goes on, and nobody else's does: bytes that are no messages are dropped,
floods cut off, and who never reads is waited for a while, while nothing is kept for it.
"""

import math
import select
import socket
import time
from collections.abc import Callable

from pydantic import ValidationError

from sim_bridge.donkeysim.framing import Message, Nonsense, Objects, encode
from sim_bridge.donkeysim.messages import CamConfig, CarConfig, number
from sim_bridge.donkeysim.scenes import SCENES
from sim_bridge.donkeysim.served_car import ServedCar
from sim_bridge.donkeysim.stage import Stage
from sim_bridge.donkeysim.worlds import SPEC, new_road_place, scene_place

READ_BYTES = 65_536
LOOK_ROUND_S = 0.25  # so soon a client notices that another one has changed the scene
SILENCE_S = 3.0  # without a word from the client: a ping tells whether it is still there
STUCK_S = 30.0  # so long a client may not read; frames are left out meanwhile
BUDGET, BUDGET_PER_S = 5000.0, 2000.0  # messages; a client that sends more, for long, is no driver
HEAVY = {"regen_road": 100, "load_scene": 100, "cam_config": 20, "cam_config_b": 20}  # as many as others
MOST_SEED = 2**31


class Session:
    """A conversation, from the first word to the last."""

    def __init__(
        self,
        connection: socket.socket,
        name: str,
        stage: Stage,
        *,
        lockstep: bool,
        table: str,
        ping_s: float = SILENCE_S,
    ) -> None:
        """ping_s: of silence, after which there is a ping."""
        self._socket, self._name, self._stage, self._table = connection, name, stage, table
        self._lockstep, self._by_default = lockstep, lockstep
        self._objects = Objects()
        self._car: ServedCar | None = None
        self._changes_seen = -1
        self._configs: dict[str, CamConfig] = {}  # of the cameras, for the next scene's car too
        self._lidar = self._frozen = self._over = False
        self._commands = 0
        self._budget, self._budget_at = BUDGET, time.monotonic()
        self._began = self._heard_at = self._pinged_at = self._told_at = time.monotonic()
        self._ping_s = ping_s
        self._due = 0.0
        self._answers: dict[str, Callable[[Message], None]] = {
            "get_protocol_version": lambda _: self._send({"msg_type": "protocol_version", "version": "2"}),
            "get_scene_names": self._scene_names,
            "load_scene": self._load_scene,
            "exit_scene": lambda _: self._exit_scene(),
            "quit_app": lambda _: self._quit(),
            "control": self._control,
            "reset_car": lambda _: self._reset(),
            "cam_config": self._cam_config,
            "cam_config_b": self._cam_config,
            "lidar_config": lambda _: self._lidar_config(),
            "car_config": self._car_config,
            "racer_info": lambda _: None,  # there is no race here
            "set_position": self._set_position,
            "node_position": self._node_position,
            "regen_road": self._regen_road,
            "step_mode": self._step_mode,
            "settings": self._step_mode,  # its name in 2019
            "pause": self._pause,
        }

    def run(self) -> None:
        """Talk until the client has gone, or has to go. The connection is the caller's to close."""
        why = "it has closed the connection"
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.settimeout(STUCK_S)
            if self._stage.now()[0] is None:
                self._changes_seen = self._stage.now()[1]
                self._send({"msg_type": "scene_selection_ready", "loaded": "1"})
            while not self._over and not self._stage.ended.is_set():
                self._follow_the_scene()
                if not self._listen():
                    break
                self._drive()
                self._keep_alive()
        except Nonsense as error:
            why = str(error)
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
        finally:
            self._stage.log(f"{self._name} has left: {why}")

    def _listen(self) -> bool:
        """Take in what the client says until something is to be done. False where it has gone."""
        now = time.monotonic()
        ticking = self._car is not None and not self._lockstep
        wait_s = min(LOOK_ROUND_S, self._ping_s)
        if ticking:
            wait_s = max(0.0, min(self._due - now, wait_s))
        if not select.select([self._socket], [], [], wait_s)[0]:
            return True
        data = self._socket.recv(READ_BYTES)
        if not data:
            return False
        self._heard_at = time.monotonic()
        for message in self._objects.feed(data):
            self._spend(message["msg_type"])
            answer = self._answers.get(message["msg_type"])
            if answer is None:
                continue
            try:
                answer(message)
            except (ValueError, ValidationError):  # a number that is none: the message is lost, as in DonkeySim
                continue
        return True

    def _spend(self, kind: str) -> None:
        if self._lockstep and kind == "control":
            return  # each costs the client a frame that it has to read
        now = time.monotonic()
        self._budget = min(BUDGET, self._budget + (now - self._budget_at) * BUDGET_PER_S) - HEAVY.get(kind, 1)
        self._budget_at = now
        if self._budget < 0:
            raise Nonsense(f"more than {BUDGET_PER_S:.0f} messages a second")

    def _follow_the_scene(self) -> None:
        scene, changes = self._stage.now()
        if changes == self._changes_seen:
            return
        self._changes_seen = changes
        self._car = None
        if scene is None:
            return  # DonkeySim does not say that its menu is ready again, so neither do we
        self._take(ServedCar(scene_place(scene)))
        self._stage.log(f"{self._name} drives on {scene}")
        self._send({"msg_type": "car_loaded", "scene_name": scene, "lockstep": self._lockstep})
        self._due = time.monotonic()
        if self._lockstep:
            self._tell()

    def _take(self, car: ServedCar) -> None:
        """This one from now on, with the cameras that the client wants."""
        for camera, name in enumerate(("cam_config", "cam_config_b")):
            if name in self._configs:
                car.see(self._configs[name], camera)
        if self._lidar:
            car.switch_lidar_on()
        self._car = car

    def _drive(self) -> None:
        """In real time: a step each 1/20 s. Who was late has lost the steps between."""
        if self._car is None or self._lockstep:
            return
        now = time.monotonic()
        if now < self._due:
            return
        self._due = max(self._due + SPEC.period_s, now)
        if not self._frozen:
            self._step()

    def _step(self) -> None:
        if self._car.step():
            at_s = time.monotonic() - self._began if not self._lockstep else self._car.time_s
            self._send({"msg_type": "collision_with_starting_line", "starting_line_index": 0, "timeStamp": at_s})
        self._tell()

    def _tell(self) -> None:
        """A frame; left out in real time where the client has not read the ones before."""
        self._told_at = time.monotonic()
        if self._lockstep or select.select([], [self._socket], [], 0)[1]:
            self._send(self._car.telemetry(self._commands))

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if now - max(self._heard_at, self._pinged_at) >= self._ping_s:
            self._pinged_at = now
            self._send({"msg_type": "ping"})
        if self._lockstep and self._car is not None and now - max(self._heard_at, self._told_at) >= SILENCE_S:
            self._tell()  # for whoever waits for a frame without having asked for one

    def _send(self, message: Message) -> None:
        """Raises OSError where the client has not read for so long that nothing more fits."""
        self._socket.sendall(encode(message) + b"\n")

    def _scene_names(self, _: Message) -> None:
        self._send({"msg_type": "scene_names", "scene_names": list(SCENES)})

    def _load_scene(self, message: Message) -> None:
        if self._stage.now()[0] is None:  # DonkeySim listens to it in the menu alone
            self._stage.load(str(message.get("scene_name")))
            self._follow_the_scene()

    def _exit_scene(self) -> None:
        if self._car is not None:
            self._stage.load(None)
            self._follow_the_scene()

    def _quit(self) -> None:
        """DonkeySim ends. Ours does where that takes it from nobody else."""
        if self._stage.clients == 1:
            self._stage.log(f"{self._name} has ended the simulator")
            self._stage.ended.set()
        self._over = True

    def _control(self, message: Message) -> None:
        steering, throttle, brake = (number(message, name) for name in ("steering", "throttle", "brake"))
        self._commands += 1
        if self._car is None:
            return
        self._car.control(steering, throttle, brake)
        if self._lockstep and not self._frozen:
            self._step()

    def _reset(self) -> None:
        if self._car is not None:
            self._car.reset()
            if self._lockstep:
                self._tell()

    def _cam_config(self, message: Message) -> None:
        name = message["msg_type"]
        config = CamConfig.model_validate(message)
        self._configs[name] = config
        if self._car is not None:
            self._car.see(config, int(name == "cam_config_b"))

    def _lidar_config(self) -> None:
        self._lidar = True
        if self._car is not None:
            self._car.switch_lidar_on()

    def _car_config(self, message: Message) -> None:
        config = CarConfig.model_validate(message)
        if config.car_name != "Racer Name":  # what DonkeySim's own form has in it
            self._stage.log(f"{self._name} is called {config.car_name!r}")

    def _set_position(self, message: Message) -> None:
        x, _, z = (number(message, name) for name in ("pos_x", "pos_y", "pos_z"))
        yaw_deg = None
        if "Qy" in message:
            yaw_deg = _yaw_deg(*(number(message, name) for name in ("Qx", "Qy", "Qz", "Qw")))
        if self._car is not None:
            self._car.put(_on_earth(x), _on_earth(z), yaw_deg)

    def _node_position(self, message: Message) -> None:
        if self._car is not None:
            self._send(self._car.node(int(number(message, "index")) % 2**31))

    def _regen_road(self, message: Message) -> None:
        """A road for this client alone; the others keep theirs. DonkeySim has it in this scene only."""
        if self._car is None or self._stage.now()[0] != "generated_road":
            return
        self._take(ServedCar(new_road_place(self._table, int(number(message, "rand_seed")) % MOST_SEED)))

    def _step_mode(self, message: Message) -> None:
        """`synchronous` is lock-step, for this client; in DonkeySim time then stands still for ever."""
        self._lockstep = message.get("step_mode") == "synchronous" or self._by_default
        self._due = time.monotonic()

    def _pause(self, message: Message) -> None:
        self._frozen = message.get("is_pause") is False  # as the one fork that has it: true runs


def _yaw_deg(x: float, y: float, z: float, w: float) -> float:
    """Unity's yaw of a rotation given as a quaternion, of any length."""
    return math.degrees(math.atan2(2 * (w * y + x * z), 1 - 2 * (x * x + y * y)))


def _on_earth(units: float) -> float:
    """Where a car can be put: within 10 km."""
    return min(max(units, -80_000.0), 80_000.0)
