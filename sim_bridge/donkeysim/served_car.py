"""One client's car in our simulator, and what is told of it in DonkeySim's words."""

import math

import numpy as np

from sim_bridge.donkeysim.cameras import CarCamera
from sim_bridge.donkeysim.framing import Message
from sim_bridge.donkeysim.messages import UNITS_PER_M, CamConfig
from sim_bridge.donkeysim.worlds import SPEC, Place, unity_yaw_deg
from sim_bridge.track import resample

NODE_M = 0.25  # between the way points of a path: 2 units
WHEEL_TURN_M = 2 * math.pi * 0.04
NO_THROTTLE_BRAKE = 0.5  # a brake pulled so far leaves no throttle


class ServedCar:
    """A car that a client drives. One step is 1/20 s."""

    def __init__(self, place: Place) -> None:
        self._simulator, self._road = place.simulator, place.road
        self._cameras = [CarCamera(place.simulator.worlds[0], SPEC)]
        self._command = (0.0, 0.0, 0.0)  # steering, throttle, brake
        self._lidar = False
        self._time_s = self._speed_before_m_s = self._heading_before_rad = 0.0
        self._rolled_m, self._lines_crossed = 0.0, 0
        track = place.simulator.worlds[0].track
        count = max(3, round(track.length_m / NODE_M))
        self._nodes = resample(track.offset(place.road.middle_cte / UNITS_PER_M), count)
        self._heading_before_rad = float(self._simulator.bicycles.heading_rad[0])

    def control(self, steering: float, throttle: float, brake: float) -> None:
        """In force until the next; each is taken to its limit."""
        self._command = (min(max(steering, -1), 1), min(max(throttle, -1), 1), min(max(brake, 0), 1))

    def reset(self) -> None:
        """Back to the start, standing on its brake."""
        self._command = (0.0, 0.0, 1.0)
        self._simulator.restart(0)
        self._lines_crossed = 0
        self._remember()

    def see(self, config: CamConfig, camera: int) -> None:
        """Configure a camera, 0 or 1; the second is there from then on."""
        if camera == len(self._cameras):
            self._cameras.append(CarCamera(self._simulator.worlds[0], SPEC, second=True))
        self._cameras[camera].configure(config)

    def switch_lidar_on(self) -> None:
        """There is nothing in our world that it could hit."""
        self._lidar = True

    def put(self, x: float, z: float, yaw_deg: float | None) -> None:
        """Somewhere else, in units, as fast as it was; without a direction, in its own."""
        cars = self._simulator.bicycles
        heading_rad = float(cars.heading_rad[0]) if yaw_deg is None else math.radians(90.0 - yaw_deg)
        self._simulator.put(0, x / UNITS_PER_M, z / UNITS_PER_M, heading_rad)

    def step(self) -> bool:
        """1/20 s under the command. Returns whether the car crossed the start line."""
        self._remember()
        steering, throttle, brake = self._command
        throttle *= max(0.0, 1 - brake / NO_THROTTLE_BRAKE)
        state = self._simulator.step(np.array([steering]), np.array([throttle]))
        self._time_s += SPEC.period_s
        self._rolled_m += float(state.speed_m_s[0]) * SPEC.period_s
        crossed = 1 + int(state.laps[0]) if state.driven_m[0] > 0 else 0  # it starts on the line
        if crossed <= self._lines_crossed:
            return False
        self._lines_crossed = crossed
        return True

    @property
    def time_s(self) -> float:
        """Simulated, since the scene was loaded."""
        return self._time_s

    def node(self, index: int) -> Message:
        """A way point of the path and the direction there."""
        here = self._nodes[index % len(self._nodes)]
        ahead = self._nodes[(index + 1) % len(self._nodes)] - here
        half_yaw = math.radians(unity_yaw_deg(math.atan2(ahead[1], ahead[0]))) / 2
        return {
            "msg_type": "node_position", "index": index,
            "pos_x": float(here[0]) * UNITS_PER_M, "pos_y": 0.0, "pos_z": float(here[1]) * UNITS_PER_M,
            "Qx": 0.0, "Qy": math.sin(half_yaw), "Qz": 0.0, "Qw": math.cos(half_yaw),
        }  # fmt: skip

    def telemetry(self, commands: int) -> Message:
        """What is told of it now. commands: that came from the client so far.

        road_half_width, road_middle and commands are ours: DonkeySim's clients read what they know and leave the rest.
        """
        simulator, period_s = self._simulator, SPEC.period_s
        speed, heading = float(simulator.bicycles.speed_m_s[0]), float(simulator.bicycles.heading_rad[0])
        turned_rad_s = -math.remainder(heading - self._heading_before_rad, 2 * math.pi) / period_s  # clockwise
        (x_m, y_m), state = simulator.centre_m()[0].tolist(), simulator.state
        along = float(state.driven_m[0]) / (NODE_M * len(self._nodes)) % 1.0
        pictures = [camera.picture(simulator) for camera in self._cameras]
        odometer = self._rolled_m / WHEEL_TURN_M
        message: Message = {
            "msg_type": "telemetry", "steering_angle": self._command[0], "throttle": self._command[1],
            "image": pictures[0], "hit": "none", "time": round(self._time_s, 3), "speed": abs(speed),
            "accel_x": turned_rad_s * speed, "accel_y": 0.0, "accel_z": (speed - self._speed_before_m_s) / period_s,
            "gyro_x": 0.0, "gyro_y": turned_rad_s, "gyro_z": 0.0,
            "pitch": 0.0, "yaw": unity_yaw_deg(heading), "roll": 0.0,
            "cte": self._road.middle_cte - float(state.offset_m[0]) * UNITS_PER_M,
            "activeNode": int(along * len(self._nodes)), "totalNodes": len(self._nodes),
            "pos_x": x_m, "pos_y": 0.0, "pos_z": y_m, "vel_x": 0.0, "vel_y": 0.0, "vel_z": speed,
            "front_left_odom": odometer, "front_right_odom": odometer,
            "rear_left_odom": odometer, "rear_right_odom": odometer,
            "road_half_width": self._road.half_width, "road_middle": self._road.middle_cte, "commands": commands,
        }  # fmt: skip
        if len(pictures) > 1:
            message |= {
                "imageb": pictures[1],
                "image_b": pictures[1],
            }  # as DonkeySim writes it, as gym-donkeycar reads it
        if self._lidar:
            message["lidar"] = []
        return message

    def _remember(self) -> None:
        cars = self._simulator.bicycles
        self._speed_before_m_s, self._heading_before_rad = float(cars.speed_m_s[0]), float(cars.heading_rad[0])
