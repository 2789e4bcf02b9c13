import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from sim_bridge import make_env, make_vector_env
from sim_bridge.motion import State
from sim_bridge.reward import REWARDS


def test_the_env_passes_gymnasiums_checker() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*render.*")
        warnings.filterwarnings("ignore", message=".*not be.*spec.*|.*spec.*")
        check_env(make_env())


def test_one_car_is_car_0_of_many() -> None:
    one, many = make_env(), make_vector_env(3)
    alone, _ = one.reset(seed=7)
    together, _ = many.reset(seed=7)
    for action in (3, 3, 5, 1, 0, 6) * 4:
        assert (alone == together[0]).all()
        alone, reward, terminated, truncated, infos = one.step(action)
        together, rewards, *ends, many_infos = many.step(np.full(3, action))
        assert (reward, terminated, truncated) == (rewards[0], ends[0][0], ends[1][0])
        assert infos["driven_m"] == many_infos["driven_m"][0]
        if terminated:
            break


def test_an_episode_ends_off_the_road_and_the_next_step_resets_that_car_alone() -> None:
    env = make_vector_env(4)
    env.reset(seed=1)
    for _ in range(100):
        _, rewards, terminated, truncated, infos = env.step(np.array([6, 3, 3, 3]))  # car 0 turns in circles
        if terminated[0]:
            break
    assert terminated[0]
    assert rewards[0] == 0
    others_m = infos["driven_m"][1:].copy()
    observation, rewards, terminated, truncated, infos = env.step(np.array([6, 3, 3, 3]))
    assert not terminated[0]
    assert not truncated[0]
    assert rewards[0] == 0
    assert infos["driven_m"][0] == 0
    assert (observation[0] == observation[0, :, :, :1]).all()  # a fresh stack: the first frame four times
    assert (infos["driven_m"][1:] != others_m).any()


def test_an_episode_is_cut_after_its_steps() -> None:
    env = make_vector_env(2, max_steps=5)
    env.reset(seed=1)
    ends = [env.step(np.full(2, 3))[3].tolist() for _ in range(12)]
    assert ends == [[False] * 2] * 4 + [[True] * 2] + [[False] * 2] * 5 + [[True] * 2] + [[False] * 2]


def test_resets_without_a_seed_go_on_to_new_worlds() -> None:
    env = make_env()
    first, _ = env.reset(seed=3)
    second, _ = env.reset()
    again, _ = env.reset(seed=3)
    assert (first != second).any()
    assert (first == again).all()


def test_stepping_before_a_reset_is_an_error() -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        make_vector_env(1).step(np.zeros(1, int))


def state(offset_m: float, progress_m: float = 0.05) -> State:
    one = np.ones(1)
    return State(offset_m * one, 0 * one, 0.3 * one, one, progress_m * one, one, one.astype(int))


@pytest.mark.parametrize("name", REWARDS)
def test_rewards_fall_from_1_at_the_centre_alike_on_both_sides(name: str) -> None:
    reward = REWARDS[name]
    values = [reward(state(offset_m))[0] for offset_m in (0.0, 0.1, 0.2, 0.3)]
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.1
    assert reward(state(-0.2)) == reward(state(0.2))


def test_progress_pays_and_driving_back_does_not() -> None:
    reward = REWARDS["gaussian_progress"]
    assert reward(state(0.0, 0.025)) == 0.5
    assert reward(state(0.0, 0.0)) == reward(state(0.0, -0.05)) == 0
