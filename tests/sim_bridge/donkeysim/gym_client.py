"""gym-donkeycar 1.0.13 as it comes, and donkeycar's own DonkeyGymEnv on top of it. Run by the Python of .peers-gym.

    gym_client.py PORT ID STEPS EPISODES [PATH OF donkeycar/parts/dgym.py]

Prints a line of JSON. This client listens: the simulator connects to it (`sim serve --dial`).
"""

import importlib.util
import json
import os
import sys
import time

port, env_id, steps, episodes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.environ |= {"DONKEY_SIM_PORT": port, "DONKEY_SIM_PATH": "remote"}

import gym  # noqa: E402
import gym_donkeycar.envs.donkey_env as donkey  # noqa: E402

ENVS = {
    "donkey-generated-roads-v0": donkey.GeneratedRoadsEnv,
    "donkey-warehouse-v0": donkey.WarehouseEnv,
    "donkey-avc-sparkfun-v0": donkey.AvcSparkfunEnv,
    "donkey-generated-track-v0": donkey.GeneratedTrackEnv,
}


def steer(cte: float, before: float) -> float:
    """Towards the middle of the generated road, less where the car is on its way there already. Each time that it left
    the road would cost two seconds: this client sleeps at each reset."""
    return max(-1.0, min(1.0, -0.5 * (cte + 2.0) - 3.0 * (cte - before)))


def by_gym() -> dict:
    env = ENVS[env_id]()
    shapes, rewards, dones, ctes, speeds = set(), [], 0, [], []
    began = time.monotonic()
    for _ in range(episodes):
        shapes.add(env.reset().shape)
        cte = before = -2.0
        for _ in range(steps // episodes):
            observation, reward, done, info = env.step((steer(cte, before), 0.15))
            before, cte = cte, info["cte"]
            shapes.add(observation.shape)
            rewards.append(reward)
            ctes.append(cte)
            speeds.append(info["speed"])
            if done:
                dones += 1
                env.reset()
                cte = before = -2.0
    return {
        "steps": len(rewards), "shapes": sorted(shapes), "dones": dones, "cte": [min(ctes), max(ctes)],
        "speed": max(speeds), "seconds": time.monotonic() - began,
    }  # fmt: skip


def by_part(path: str) -> dict:
    """donkeycar's part passes `conf` to gym.make, which the envs of gym-donkeycar 1.0.13 do not take: an env that does
    is registered, and reads from it nothing but what the port already says."""
    gym.register(id="part-v0", entry_point=lambda conf: ENVS[env_id]())
    spec = importlib.util.spec_from_file_location("dgym", path)
    dgym = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dgym)
    part = dgym.DonkeyGymEnv("remote", port=int(port), env_name="part-v0", record_location=True)
    import threading

    thread = threading.Thread(target=part.update, daemon=True)
    thread.start()
    seen, places = set(), set()
    cte = before = -2.0
    end = time.monotonic() + 0.06 * steps
    while time.monotonic() < end:
        command, before = steer(cte, before), cte
        frame, x, _, z, _, cte = part.run_threaded(command, 0.15)
        seen.add(frame.shape)
        places.add((round(x, 3), round(z, 3)))
        time.sleep(0.05)
    alive = thread.is_alive()
    part.shutdown()
    return {"shapes": sorted(seen), "places": len(places), "alive": alive}


print(json.dumps(by_part(sys.argv[5]) if len(sys.argv) > 5 else by_gym()), flush=True)
os._exit(0)  # asyncore's thread waits for ever
