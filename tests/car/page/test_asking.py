"""The person at the page, without a server: who may answer, what, and how long silence is borne."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from calibration.car_file import CalibrationError, nominal
from calibration.terminal import NOBODY
from car.page.asking import GONE_NS, SILENT_NS, STOPPED, Asking
from car.page.message import Answer
from tests.car.page.car import Clock, eventually

ALIVE, STOP = Answer(), Answer(stop=True)


class Asked:
    """A question that waits in a thread of its own."""

    def __init__(self, asking: Asking, question: str, **choices: str) -> None:
        self.answer = self.error = ""
        self.number = (asking.state(None)["question"] or [0])[0]
        self._thread = threading.Thread(target=lambda: self._ask(asking, question, choices))
        self._thread.start()
        eventually(lambda: asking.state(None)["question"] or not self._thread.is_alive())
        if asking.state(None)["question"]:
            self.number, self.text, self.choices = asking.state(None)["question"]

    def _ask(self, asking: Asking, question: str, choices: dict[str, str]) -> None:
        try:
            self.answer = asking.terminal.answer(question, choices)
        except CalibrationError as error:
            self.error = str(error)

    def join(self) -> "Asked":
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asking(clock: Clock) -> Iterator[Asking]:
    asking = Asking("A TEST", clock)
    yield asking
    asking.stop()  # lets go of whatever waits


def test_the_first_page_answers_and_another_watches(asking: Asking) -> None:
    asked = Asked(asking, "  What? > ", y="yes")
    assert (asked.text, asked.choices) == ("What?", [("y", "yes")])
    assert asking.hear("phone", ALIVE)
    assert [asking.state(who)["driver"] for who in ("phone", "laptop")] == ["you", "other"]
    assert asking.hear("laptop", ALIVE)
    assert not asking.hear("laptop", Answer(to=asked.number, answer="y"))
    assert asking.state("laptop")["question"] is not None
    assert asking.hear("phone", Answer(to=asked.number, answer=" Y "))
    assert asked.join().answer == "y"
    assert asking.state("phone")["question"] is None
    asking.leave("laptop")
    assert asking.state("phone")["driver"] == "you"
    asking.leave("phone")
    assert asking.state("laptop")["driver"] == "nobody"
    asking.hear("laptop", ALIVE)
    assert asking.state("laptop")["driver"] == "you"


def test_a_second_press_does_not_answer_the_next_question(asking: Asking) -> None:
    first = Asked(asking, "first")
    yes = Answer(to=first.number, answer="yes")
    assert asking.hear("phone", yes)
    assert first.join().answer == "yes"
    assert not asking.hear("phone", yes)
    second = Asked(asking, "second")
    assert second.number != first.number
    assert not asking.hear("phone", yes)
    assert not asking.hear("phone", Answer(answer="yes"))
    assert asking.refused == 3
    assert asking.state("phone")["question"][0] == second.number


def test_silence_while_something_moves_and_while_nothing_does(asking: Asking, clock: Clock) -> None:
    assert not asking.still_there()  # nobody yet
    asking.hear("phone", ALIVE)
    clock.now_ns += SILENT_NS
    assert asking.still_there()
    clock.now_ns += 1
    assert not asking.still_there()
    asking.hear("laptop", ALIVE)  # who watches is no sign of who answers
    assert not asking.still_there()
    asking.hear("phone", ALIVE)
    assert asking.still_there()
    asking.leave("phone")
    assert not asking.still_there()
    asked = Asked(asking, "Still there?")
    clock.now_ns += GONE_NS
    asking.hear("phone", ALIVE)
    clock.now_ns += GONE_NS
    assert asked.error == ""
    clock.now_ns += 1
    assert asked.join().error == NOBODY
    with pytest.raises(CalibrationError, match=NOBODY):
        asking.still_there()


def test_nobody_has_come_yet_is_waited_for(asking: Asking, clock: Clock) -> None:
    asked = Asked(asking, "Anybody?")
    clock.now_ns += 100 * GONE_NS
    asking.hear("phone", Answer(to=asked.number, answer=""))
    assert asked.join().error == ""


@pytest.mark.parametrize("who", ["phone", "laptop"])
def test_anybodys_stop_ends_it(asking: Asking, who: str) -> None:
    asked = Asked(asking, "What?")
    asking.hear("phone", ALIVE)
    asking.hear(who, STOP)
    assert asked.join().error == STOPPED
    with pytest.raises(CalibrationError, match=STOPPED):
        asking.still_there()


def test_a_question_is_not_for_those_who_type(asking: Asking) -> None:
    for question, text in (
        ("Are they off the ground? [yes/no] ", "Are they off the ground?"),
        ("What moved: the motor (m) or nothing (n)? ", "What moved: the motor or nothing?"),
        ("  1500 us > ", "1500 us"),
    ):
        asked = Asked(asking, question)
        assert asked.text == text
        asking.hear("phone", Answer(to=asked.number, answer=""))
        asked.join()


def test_how_it_ended_stays(asking: Asking) -> None:
    asking.show(Path("car.toml"), nominal().steering)
    asking.end("the program was ended")
    state = asking.state("phone")
    assert (state["over"], state["end"]) == (True, "saved in car.toml")
    assert state["found"]["centre_us"] == 1500
    assert "date" not in state["found"]
