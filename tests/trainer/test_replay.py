import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import Contract
from models.observation import FrameStack
from trainer.replay import Batch, Replay

SIZE, STACK = 2, 4
SPEC = Contract().observation.model_copy(update={"size": SIZE})


class Recorder:
    """Feeds a replay with made-up episodes and remembers everything, the slow and obvious way."""

    def __init__(self, capacity: int, cars: int, steps: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.replay = Replay(capacity, cars, (SIZE, SIZE, STACK), seed)
        self.by_views: dict[bytes, tuple[int, int]] = {}
        self.rows: list[list[dict]] = [[] for _ in range(cars)]
        stacks = [FrameStack(SPEC) for _ in range(cars)]
        ended = np.zeros(cars, bool)
        for step in range(steps):
            view = np.stack([np.full((SIZE, SIZE), (17 * step + 101 * car) % 251, np.uint8) for car in range(cars)])
            view[:, 0, 0], view[:, 0, 1] = step % 256, step // 256
            action = rng.integers(0, 7, cars)
            reward = np.where(ended, 0, rng.uniform(size=cars))
            terminated = (rng.uniform(size=cars) < 0.1) & ~ended
            truncated = (rng.uniform(size=cars) < 0.1) & ~ended & ~terminated
            self.replay.add(view, action, reward, terminated, truncated)
            for car in range(cars):
                observation = stacks[car].push(view[car])
                self.rows[car].append(
                    {"observation": observation, "action": action[car], "reward": reward[car],
                     "terminated": terminated[car], "ended": terminated[car] | truncated[car], "final": ended[car]}
                )  # fmt: skip
                if ended[car]:
                    stacks[car].clear()  # the next view is of a new episode
            ended = terminated | truncated

    def expected(self, car: int, step: int, n_step: int, gamma: float) -> tuple[float, float, np.ndarray]:
        total, discount = 0.0, 1.0
        for ahead in range(n_step):
            row = self.rows[car][step + ahead]
            total += discount * row["reward"]
            discount *= gamma
            if row["ended"]:
                discount = 0.0 if row["terminated"] else discount
                return total, discount, self.rows[car][step + ahead + 1]["observation"]
        return total, discount, self.rows[car][step + n_step]["observation"]


@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 5), st.sampled_from([40, 90, 200]))
@settings(max_examples=40, deadline=None)
def test_samples_are_what_the_definition_says(seed: int, cars: int, n_step: int, steps: int) -> None:
    """Also after the ring has gone round (60 frames a car), across terminations, truncations and resets."""
    record = Recorder(60 * cars, cars, steps, seed)
    batch = record.replay.sample(64, n_step, 0.9)
    kept = range(max(0, steps - 60), steps)
    for index in range(64):
        observation = batch.observation[index]
        step = int(observation[0, 0, -1])  # the recorder wrote the step's number into the view
        (car,) = [car for car in range(cars) if (record.rows[car][step]["observation"] == observation).all()][:1]
        row = record.rows[car][step]
        assert step in kept
        assert not row["final"]
        reward, discount, following = record.expected(car, step, n_step, 0.9)
        assert batch.reward[index] == pytest.approx(reward, abs=1e-5)
        assert batch.discount[index] == pytest.approx(discount, abs=1e-6)
        assert batch.action[index] == row["action"]
        if discount:
            assert (batch.next_observation[index] == following).all()


def test_too_few_steps_are_an_error() -> None:
    with pytest.raises(ValueError, match="too few"):
        Recorder(100, 1, 3, 0).replay.sample(8, 3, 0.9)


def test_mirroring_flips_both_ends_and_swaps_the_action() -> None:
    actions = Contract().actions
    swap = np.array([actions.mirrored(action) for action in range(len(actions))])
    rng = np.random.default_rng(0)
    observation, following = rng.integers(0, 256, (2, 3, 8, 8, 4), dtype=np.uint8)
    batch = Batch(observation.copy(), np.array([0, 1, 3], np.int32), np.ones(3), np.ones(3), following.copy())
    batch.mirror(np.array([True, False, True]), swap)
    for index, flipped in enumerate((True, False, True)):
        step = -1 if flipped else 1
        assert (batch.observation[index] == observation[index, :, ::step]).all()
        assert (batch.next_observation[index] == following[index, :, ::step]).all()
    assert batch.action.tolist() == [6, 1, 3]


def test_calibration_frames_are_balanced_over_the_actions() -> None:
    """Also where one action is rare: here 3 is taken in nine steps of ten."""
    rng = np.random.default_rng(0)
    replay = Replay(6000, 3, (SIZE, SIZE, STACK), 1)
    no = np.zeros(3, bool)
    for _ in range(2000):
        action = np.where(rng.uniform(size=3) < 0.9, 3, rng.integers(0, 7, 3))
        view = np.broadcast_to(action[:, None, None], (3, SIZE, SIZE)).astype(np.uint8)  # tells the action
        replay.add(view, action, np.zeros(3), no, no)
    frames = replay.frames_for_calibration(140)
    assert frames.shape[1:] == (SIZE, SIZE, STACK)
    assert np.bincount(frames[:, 0, 0, -1]).tolist() == [20] * 7


def test_a_cut_is_as_if_all_episodes_had_been_truncated_there() -> None:
    truncated, cut = (Replay(400, 2, (SIZE, SIZE, STACK), seed=1) for _ in range(2))
    cut.cut()  # of nothing
    for step in range(60):
        view = np.full((2, SIZE, SIZE), step, np.uint8)
        for replay, ends in ((truncated, step in (20, 40)), (cut, False)):
            replay.add(view, np.array([1, 2]), np.ones(2), np.zeros(2, bool), np.full(2, ends))
        if step in (20, 40):
            cut.cut()
    one, other = truncated.sample(256, 3, 0.9), cut.sample(256, 3, 0.9)
    for name in ("observation", "action", "reward", "discount", "next_observation"):
        assert (getattr(one, name) == getattr(other, name)).all()
    assert set(other.discount.round(3)) == {np.float32(0.9), np.float32(0.81), np.float32(0.729)}
