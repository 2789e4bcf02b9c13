import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.npz import pack, unpack
from storage.simcache import MOST_BYTES, Facts, SimCacheError, Transitions, decode, digest
from storage.simcache_writer import SimCacheWriter

SIZE, STACK = 4, 4
FACTS = Facts(
    observation={"size": SIZE, "stack": STACK},
    actions={"steering": [-1.0, 1.0]},
    stack=STACK,
    source="a test",
    rewards="made up",
    recording="2026-11-23-031455-a1b2c3",
    number=0,
)


def picture(number: int) -> np.ndarray:
    view = np.zeros((SIZE, SIZE), np.uint8)
    view[0, 0], view[0, 1] = number % 256, number // 256
    return view


class Drive:
    """Episodes as they are lived, remembered the slow and obvious way, and written."""

    def __init__(self, size: int) -> None:
        self.files: list[Transitions] = []
        self.writer = SimCacheWriter(FACTS, size, self.files.append)
        self.rows: list[dict] = []
        self.seen: list[int] = []  # pictures of this episode
        self.pictures = 0

    def look(self) -> np.ndarray:
        self.pictures += 1
        self.seen.append(self.pictures)
        return picture(self.pictures)

    def begin(self) -> None:
        self.seen = []
        self.writer.begin(self.look())

    def state(self) -> list[int]:
        """Numbers of the pictures, newest last; the first stands for those that are missing."""
        return [self.seen[max(0, len(self.seen) - STACK + n)] for n in range(STACK)]

    def add(self, terminated: bool = False, truncated: bool = False) -> None:
        step, state = len(self.rows), self.state()
        self.writer.add(step % 7, step / 8, terminated, truncated, self.look(), {"speed_m_s": step / 2})
        self.rows.append(
            {"state": state, "new_state": self.state(), "action": step % 7, "reward": step / 8,
             "terminated": terminated, "truncated": truncated, "speed": step / 2}
        )  # fmt: skip

    def cut(self, reward: float | None = None, *, terminated: bool = False) -> None:
        self.writer.end(reward, terminated=terminated)
        if self.rows and len(self.seen) > 1 and not (self.rows[-1]["terminated"] or self.rows[-1]["truncated"]):
            self.rows[-1] |= {"terminated": terminated, "truncated": not terminated}
            self.rows[-1] |= {} if reward is None else {"reward": reward}


def read(files: list[Transitions]) -> list[dict]:
    rows = []
    for number, written in enumerate(files):
        name, content = written.encode()
        assert name == f"{FACTS.recording}-{number:06d}-{digest(content)}.npz"
        file = decode(content, name)
        assert file.facts == FACTS.model_copy(update={"number": number})
        for step, row in enumerate(file.at.tolist()):

            def stack(at: int, file: Transitions = file) -> list[int]:
                rows = [at - min(back, int(file.age[at])) for back in range(STACK - 1, -1, -1)]
                return [int(file.views[one, 0, 0]) + 256 * int(file.views[one, 0, 1]) for one in rows]

            rows.append(
                {"state": stack(row), "new_state": stack(row + 1), "action": int(file.action[step]),
                 "reward": float(file.reward[step]), "terminated": bool(file.terminated[step]),
                 "truncated": bool(file.truncated[step]), "speed": float(file.infos["speed_m_s"][step])}
            )  # fmt: skip
    return rows


EVENTS = st.lists(st.sampled_from(["step"] * 6 + ["terminated", "truncated", "begin", "cut", "fail"]), max_size=80)


@given(EVENTS, st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_every_transition_is_there_once_with_its_states(events: list[str], size: int) -> None:
    """In files of `size` each but the last; whatever ends an episode, wherever a file ends."""
    drive = Drive(size)
    drive.begin()
    for event in events:
        if event == "begin":
            drive.cut()
            drive.begin()
        elif event in ("cut", "fail"):
            drive.cut(*([-1.0] if event == "fail" else []), terminated=event == "fail")
            drive.begin()
        else:
            drive.add(event == "terminated", event == "truncated")
            if event != "step":
                drive.begin()
    drive.cut()
    drive.writer.close()
    assert read(drive.files) == drive.rows
    assert drive.writer.added == len(drive.rows)
    assert [len(file) for file in drive.files[:-1]] == [size] * (len(drive.files) - 1)


def test_pictures_are_there_once_but_for_those_of_the_state_a_file_begins_with() -> None:
    drive = Drive(50)
    drive.begin()
    for _ in range(100):
        drive.add()
    drive.writer.close()
    assert [len(file.views) for file in drive.files] == [51, 50 + STACK]


def test_the_last_transitions_are_taken_back_as_far_as_they_are_in_hand() -> None:
    drive = Drive(10)
    drive.begin()
    for _ in range(15):
        drive.add()
    drive.writer.take_back(3)
    drive.begin()
    drive.add()
    drive.writer.take_back(100)
    drive.begin()
    drive.add()
    drive.writer.close()
    assert [len(file) for file in drive.files] == [10, 1]
    rows = read(drive.files)
    assert [row["action"] for row in rows[:10]] == [row["action"] for row in drive.rows[:10]]
    assert rows[10]["state"] == drive.rows[-1]["state"]
    assert drive.writer.added == 11


def test_nothing_comes_of_an_action_in_an_episode_that_is_over() -> None:
    drive = Drive(10)
    with pytest.raises(ValueError, match="has to begin"):
        drive.writer.add(0, 0.0, False, False, picture(0), {})
    drive.begin()
    drive.add(terminated=True)
    with pytest.raises(ValueError, match="has to begin"):
        drive.writer.add(0, 0.0, False, False, picture(0), {})


def arrays(**changed: np.ndarray | None) -> bytes:
    """A good file of 6 transitions, with these arrays in place of its own; None leaves one out."""
    drive = Drive(100)
    drive.begin()
    for step in range(6):
        drive.add(terminated=step == 3)
        if step == 3:
            drive.begin()
    drive.writer.close()
    good = unpack(drive.files[0].encode()[1], MOST_BYTES)
    return pack({name: array for name, array in (good | changed).items() if array is not None})


def facts(**changed: object) -> np.ndarray:
    import json

    return np.frombuffer(json.dumps(FACTS.model_dump(mode="json") | changed).encode(), np.uint8)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"reward": None}, "it has no 'reward'"),
        ({"facts": None}, "it has no 'facts'"),
        ({"facts": facts(version=2)}, "version"),
        ({"facts": facts(source="\x1b[2J")}, "source"),
        ({"facts": facts(recording="../x")}, "recording"),
        ({"facts": facts(more=1)}, "more"),
        ({"facts": np.frombuffer(b"\xff{", np.uint8)}, "facts"),
        ({"extra": np.zeros(6, np.float32)}, "belongs to no SimCache file"),
        ({"info.a\nb": np.zeros(6, np.float32)}, "belongs to no SimCache file"),
        ({"info.a": np.zeros(5, np.float32)}, "different lengths"),
        ({"info.a": np.zeros(6, np.int32)}, "not float32"),
        ({"info.a": np.full(6, np.nan, np.float32)}, "a NaN"),
        ({"reward": np.full(6, np.inf, np.float32)}, "a NaN"),
        ({"reward": np.zeros(6)}, "float64"),
        ({"reward": np.zeros((6, 1), np.float32)}, "different lengths"),
        ({"views": np.zeros((8, 4, 5), np.uint8)}, "not square"),
        ({"views": np.zeros((7, 4, 4), np.uint8)}, "as many pictures"),
        ({"age": np.zeros((), np.int32)}, "as many pictures"),
        ({"at": np.array(3, np.int32)}, "no steps"),
        ({"at": np.zeros(0, np.int32)}, "no steps"),
        ({"at": np.array([0, 1, 2, 3, 5, 7], np.int32)}, "go to pictures"),
        ({"at": np.array([-1, 1, 2, 3, 5, 6], np.int32)}, "go to pictures"),
        ({"at": np.array([0, 2, 1, 3, 5, 6], np.int32)}, "go to pictures"),
        ({"at": np.array([0, 1, 2, 3, 4, 6], np.int32)}, "not of one episode"),
        ({"age": np.array([0, 1, 2, 3, 4, 9, 10, 11], np.int32)}, "not of one episode"),
        ({"age": np.array([7, 8, 9, 10, 11, 0, 1, 2], np.int32)}, "lacks a picture"),
        ({"age": np.array([-2, -1, 0, 1, 2, 0, 1, 2], np.int32)}, "before its episode|not of one"),
        ({"action": np.full(6, -1, np.int32)}, "no table has"),
        ({"terminated": np.array([0, 1, 0, 1, 0, 0], bool)}, "goes on after its end"),
        ({"truncated": np.array([1, 0, 0, 0, 0, 0], bool)}, "goes on after its end"),
    ],
)
def test_a_file_that_contradicts_itself_is_one_line(changed: dict, reason: str) -> None:
    assert len(decode(arrays(), "good.npz")) == 6
    with pytest.raises(SimCacheError, match=reason) as caught:
        decode(arrays(**changed), "bad.npz")
    message = str(caught.value)
    assert message.startswith("bad.npz ")
    assert "; remove it, or copy it again" in message
    assert message.isprintable()


def test_numpy_opens_it() -> None:
    with np.load(io.BytesIO(arrays()), allow_pickle=False) as file:
        assert file["views"].shape == (8, 4, 4)
        assert b"made up" in file["facts"].tobytes()
