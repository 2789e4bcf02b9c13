import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract import ActionTable, Contract
from models.experience import Episodes, Outcome, check_fits, facts, nearest_action
from storage.simcache import SimCacheError, Transitions, decode
from storage.simcache_writer import SimCacheWriter

CONTRACT = Contract()
SIZE = CONTRACT.observation.size


def view(number: int) -> np.ndarray:
    return np.full((SIZE, SIZE), number, np.uint8)


class Car:
    def __init__(self, contract: Contract = CONTRACT) -> None:
        self.files: list[Transitions] = []
        said = facts(contract, source="a test", rewards="made up", recording="test")
        self.writer = SimCacheWriter(said, 1000, self.files.append)
        self.episodes = Episodes(self.writer, contract.actions)
        self.seen = 0

    def see(self, steering: float = 0.0, throttle: float = 0.2, mode: str = "user", **outcome: object) -> None:
        self.seen += 1
        self.episodes.see(view(self.seen), steering, throttle, mode, Outcome(**outcome) if outcome else None)

    def file(self) -> Transitions:
        self.writer.close()
        (file,) = self.files
        return decode(file.encode()[1], "it")

    def rows(self) -> list[tuple[int, int, float, bool, bool]]:
        """Newest picture of state and new state, reward, terminated, truncated."""
        file = self.file()
        pictures = file.views[:, 0, 0]
        return [
            (int(pictures[at]), int(pictures[at + 1]), *row)
            for at, *row in zip(
                file.at, file.reward.tolist(), file.terminated.tolist(), file.truncated.tolist(), strict=True
            )
        ]


def test_alive_pays_one_and_a_change_of_mode_costs_one() -> None:
    car = Car()
    for mode in ("local", "local", "user", "user"):
        car.see(mode=mode)
    assert car.rows() == [(1, 2, 1.0, False, False), (2, 3, -1.0, True, False), (3, 4, 1.0, False, True)]


def test_a_cut_costs_one_and_an_end_nothing() -> None:
    car = Car()
    for _ in range(3):
        car.see()
    car.episodes.cut()
    car.see()
    car.episodes.cut()  # nothing came of that one
    for _ in range(3):
        car.see()
    car.episodes.rest()
    assert car.rows() == [
        (1, 2, 1.0, False, False), (2, 3, -1.0, True, False), (5, 6, 1.0, False, False), (6, 7, 1.0, False, True),
    ]  # fmt: skip


def test_a_car_that_stands_is_not_recorded() -> None:
    car = Car()
    for throttle in (0.0, 0.2, 0.2, 0.0, 0.0, -0.1, 0.2, 0.2):
        car.see(throttle=throttle)
    assert car.rows() == [(2, 3, 1.0, False, False), (3, 4, 1.0, False, True), (7, 8, 1.0, False, True)]


def test_who_sees_the_road_says_what_came_of_it() -> None:
    """Also where the car stands elsewhere now: its last picture is of where it left the road."""
    car = Car()
    car.see(mode="local", reward=9.0, terminated=False)  # of before the recording
    car.see(mode="user", reward=0.5, terminated=False, infos={"offset_m": 0.1})
    car.see(reward=0.0, terminated=True, last_view=view(77), infos={"offset_m": 0.4})
    car.see(reward=0.75, terminated=False, infos={"offset_m": 0.2})
    assert car.rows() == [(1, 2, 0.5, False, False), (2, 77, 0.0, True, False), (3, 4, 0.75, False, True)]
    assert car.files[0].infos["offset_m"].tolist() == pytest.approx([0.1, 0.4, 0.2])
    assert car.files[0].infos["by_person"].tolist() == [0, 1, 1]


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_the_action_is_the_nearest_in_steering_then_in_throttle(steering: float, throttle: float) -> None:
    table = ActionTable(throttle=(0.1, 0.2, 0.3))
    found = table.decode(nearest_action(table, steering, throttle))
    assert abs(found[0] - steering) == min(abs(one - steering) for one in table.steering)
    assert abs(found[1] - throttle) == min(abs(one - throttle) for one in table.throttle)


def test_recordings_of_another_contract_are_refused_by_what_differs() -> None:
    file = (car := Car()).see() or car.see() or car.file()
    check_fits(file, CONTRACT, "it")
    actions = CONTRACT.actions
    check_fits(file, Contract(actions=actions.model_copy(update={"decoding": "expectation"})), "it")
    for other, what in (
        (Contract(observation={"crop_top": 30}), "observation.crop_top is 40 there, and 30 here"),
        (Contract(observation={"period_s": 0.1}), "observation.period_s is 0.05 there, and 0.1 here"),
        (Contract(actions={"throttle": (0.1,)}), "actions.throttle is [0.2] there, and [0.1] here"),
    ):
        with pytest.raises(SimCacheError, match="it was recorded for another contract") as caught:
            check_fits(file, other, "it")
        assert what in str(caught.value)
    for broken in (
        Transitions(**{**vars(file), "views": file.views[:, :32, :32]}),
        Transitions(**{**vars(file), "action": file.action + 7}),
    ):
        with pytest.raises(SimCacheError, match="does not keep to the contract"):
            check_fits(broken, CONTRACT, "it")
    lying = file.facts.model_copy(update={"observation": {"size": "\x1b" * 999}})
    with pytest.raises(SimCacheError) as caught:
        check_fits(Transitions(**{**vars(file), "facts": lying}), CONTRACT, "it")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
