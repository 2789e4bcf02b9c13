import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from errors import UserError
from settings import PROJECT
from trainer.team import Member, Order, Team, team_size

ROUNDS = 50


def add_along(member: Member) -> None:
    """In each round gives its rank + epsilon, and checks that the mean is everybody's."""
    while (order := member.hear()).going:
        mean = member.mean(np.full(3, member.rank + order.epsilon, np.float32))
        assert (mean == (member.size - 1) / 2 + order.epsilon).all()


def fall(member: Member) -> None:
    member.hear()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_all_get_the_mean_of_all_in_every_round(size: int) -> None:
    team = Team(size, 3, add_along)
    with team as leader:
        for number in range(ROUNDS):
            leader.order(Order(True, epsilon=number))
            mean = leader.mean(np.full(3, number, np.float32))
            np.testing.assert_array_equal(mean, (size - 1) / 2 + number)
    assert all(process.exitcode == 0 for process in team._processes)  # each heard the end, and found nothing wrong


def test_one_that_dies_is_a_clear_error_at_once() -> None:
    def lead() -> None:
        with Team(2, 3, fall) as leader:
            leader.order(Order(going=True))
            leader.mean(np.zeros(3, np.float32))

    with pytest.raises(UserError, match="died"):
        lead()


def test_all_end_when_the_leader_fails() -> None:
    team = Team(2, 3, add_along)
    with pytest.raises(ZeroDivisionError), team:
        raise ZeroDivisionError
    team._processes[0].join(5)
    assert not team._processes[0].is_alive()


def test_nobody_outlives_a_leader_that_is_killed() -> None:
    """And Ctrl-C in the terminal, which all of its processes get, is the leader's alone."""
    program = (
        "import multiprocessing, time; from tests.trainer.test_team import *\n"
        "if __name__ == '__main__':\n"
        "    with Team(2, 3, add_along) as leader:\n"
        "        leader.order(Order(True)); leader.mean(np.zeros(3, np.float32))\n"
        "        print(multiprocessing.active_children()[0].pid, flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    other = int(process.stdout.readline())
    os.kill(other, signal.SIGINT)
    time.sleep(0.3)
    os.kill(other, 0)  # still there
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while alive(other) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(other)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_team_shares_only_what_can_be_shared() -> None:
    cores = len(os.sched_getaffinity(0))
    assert team_size(16, 64) == max(size for size in (1, 2, 4) if size <= cores)
    assert team_size(15, 64) == 1
    assert team_size(16, 6) <= 2
