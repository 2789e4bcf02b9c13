"""Recordings as a memory to learn from, against the slow and obvious way; and what a vector env leaves in them."""

import time
from pathlib import Path

import numpy as np
import pytest

from errors import UserError
from models.contract import Contract
from models.experience import facts
from settings import S3Settings
from sim_bridge import make_vector_env
from storage.folder import FolderPlace
from storage.simcache import SimCacheError, Transitions
from storage.simcache_library import Library, open_library
from storage.simcache_writer import SimCacheWriter
from trainer.env_recorder import EnvRecorder
from trainer.recordings import Recordings
from trainer.replay import Replay

CONTRACT = Contract(observation={"size": 16})
STACK = CONTRACT.observation.stack


def view(number: int) -> np.ndarray:
    picture = np.zeros((16, 16), np.uint8)
    picture[0, 0], picture[0, 1] = number % 256, number // 256
    return picture


def number_in(observation: np.ndarray) -> int:
    return int(observation[0, 0, -1]) + 256 * int(observation[0, 1, -1])


def record(folder: Path, steps: int, size: int = 50, episode: int = 30, contract: Contract = CONTRACT) -> Library:
    """Step k sees picture k and pays k; episodes of `episode` steps, every other one cut short. No picture between."""
    place = FolderPlace(folder)

    def put(transitions: Transitions) -> None:
        place.write(*transitions.encode())

    said = facts(contract, source="a test", rewards="made up", recording="test")
    writer = SimCacheWriter(said, size, put)
    picture = 0
    for step in range(steps):
        if step % episode == 0:
            picture += 1
            writer.begin(view(picture))
        picture += 1
        last, even = step % episode == episode - 1, step // episode % 2 == 0
        writer.add(step % 7, float(picture - 1), last and even, last and not even, view(picture), {})
    writer.close()
    return open_library(str(folder), folder, 0, S3Settings())


def test_samples_are_what_was_recorded(tmp_path: Path) -> None:
    """N-step returns stop where an episode or a file does, and are bootstrapped unless it was terminated."""
    episode, size, n_step, gamma = 30, 50, 3, 0.9
    recordings = Recordings(record(tmp_path, 400, size, episode), CONTRACT, 2000, seed=1)
    assert (recordings.transitions, recordings.all_fit) == (400, True)
    seen = set()
    for _ in range(40):
        batch = recordings.sample(64, n_step, gamma)
        for index in range(64):
            picture = number_in(batch.observation[index])
            step = picture - 1 - (picture - 1) // (episode + 1)
            into = step % episode
            seen.add(step)
            ahead = min(n_step, episode - into, size - step % size)
            rewards = [gamma**k * (picture + k) for k in range(ahead)]
            terminated = into + ahead == episode and step // episode % 2 == 0
            assert batch.action[index] == step % 7
            assert batch.reward[index] == pytest.approx(sum(rewards), rel=1e-5)
            assert batch.discount[index] == pytest.approx(0 if terminated else gamma**ahead)
            stacked = [picture - min(back, into) for back in range(STACK - 1, -1, -1)]
            assert [number_in(batch.observation[index][..., [k]]) for k in range(STACK)] == stacked
            assert number_in(batch.next_observation[index]) == picture + ahead
    assert len(seen) > 380


def test_what_does_not_fit_takes_turns(tmp_path: Path) -> None:
    """A memory of a quarter of the pictures: in time all are drawn."""
    recordings = Recordings(record(tmp_path, 1200), CONTRACT, 330, seed=1)
    assert not recordings.all_fit
    seen, deadline = set(), time.monotonic() + 60
    while len(seen) < 1100:
        batch = recordings.sample(64, 3, 0.9)
        seen.update(number_in(observation) for observation in batch.observation)
        assert time.monotonic() < deadline
    assert recordings.frames_for_calibration(50).shape[1:] == CONTRACT.observation.shape


def test_what_cannot_be_learnt_from_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="60 transitions are too few"):
        Recordings(record(tmp_path / "few", 60), CONTRACT, 2000, 0)
    other = record(tmp_path / "other", 200, contract=Contract(observation={"size": 16, "crop_top": 30}))
    with pytest.raises(SimCacheError, match="another contract: observation.crop_top is 30 there, and 40 here"):
        Recordings(other, CONTRACT, 2000, 0)
    library = record(tmp_path / "broken", 1200)
    for entry in library.entries:
        path = tmp_path / "broken" / entry.name
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SimCacheError, match="cannot be used"):
        Recordings(library, CONTRACT, 2000, 0)


def test_a_file_that_breaks_while_others_are_learnt_from_is_said(tmp_path: Path) -> None:
    library = record(tmp_path, 1200)
    recordings = Recordings(library, CONTRACT, 330, seed=1)
    for entry in library.entries:
        (tmp_path / entry.name).write_bytes(b"gone")

    def go_on() -> None:
        for _ in range(5000):
            recordings.sample(64, 3, 0.9)
            time.sleep(0.001)

    with pytest.raises(SimCacheError, match="cannot be used"):
        go_on()


def test_all_that_cars_live_through_is_recorded_once() -> None:
    """Beside a replay memory that is told the same: states, actions, rewards and ends of all 16 cars."""
    contract, cars, steps = Contract(), 4, 120
    files: list[Transitions] = []
    recorder = EnvRecorder(contract, cars, 50, files.append, source="a test", rewards="laplace")
    env = make_vector_env(cars, contract=contract, reward="laplace", max_steps=40)
    rng = np.random.default_rng(0)
    observation, _ = env.reset(seed=3)
    recorder.begin(observation)
    expected, over = [], np.zeros(cars, bool)
    for _ in range(steps):
        action = rng.integers(0, 7, cars)
        before = observation
        observation, reward, terminated, truncated, infos = env.step(action)
        recorder.add(action, reward, terminated, truncated, observation, infos)
        expected += [
            (before[car].tobytes(), int(action[car]), np.float32(reward[car]), bool(terminated[car]),
             bool(truncated[car]), observation[car].tobytes(), np.float32(infos["offset_m"][car]))
            for car in np.flatnonzero(~over)
        ]  # fmt: skip
        over = terminated | truncated
    recorder.close()
    assert recorder.added == len(expected) == sum(map(len, files))
    assert any(row[3] for row in expected)
    found = []
    for file in files:
        replay = Replay(1000, 1, contract.observation.shape, 0)
        replay.extend(file)
        cut = file.at[-1] == len(file.views) - 2 and not (file.terminated[-1] or file.truncated[-1])
        assert not cut or len(file) == 50
        for step, at in enumerate(file.at):
            state, new_state = (replay._observation(np.array([row]), np.array([0]))[0] for row in (at, at + 1))
            found.append(
                (state.tobytes(), int(file.action[step]), file.reward[step], bool(file.terminated[step]),
                 bool(file.truncated[step]), new_state.tobytes(), file.infos["offset_m"][step])
            )  # fmt: skip
    last = {row[:3] for row in expected[-cars:]}  # cut short when the recording ended
    assert sorted(row for row in found if row[:3] not in last) == sorted(row for row in expected if row[:3] not in last)
