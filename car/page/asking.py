"""The person at the page who calibrates: questions go there, answers come back, and STOP at any moment.

The procedure's thread asks; the server's thread hears. One lock, for a question waits for its answer.
"""

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from calibration.car_file import CalibrationError
from calibration.terminal import NOBODY, Terminal
from car.page.message import Answer

SILENT_NS = 500_000_000  # while something moves
GONE_NS = 10_000_000_000  # while nothing moves: a phone's Wi-Fi, a page that is loaded again
LOOK_S = 0.1  # how often a question that waits looks whether anybody is there
MOST_LINES = 3  # of what was said
STOPPED = "STOP was pressed: nothing was saved"
FOR_KEYS = re.compile(r" \[yes/no\]| \(\w\)| *> *$")  # what is in a question for those who type


@dataclass(frozen=True)
class Question:
    """One that waits for its answer."""

    number: int
    text: str
    choices: Mapping[str, str]  # answers, and the words on their buttons


class Asking:
    """The first page that is opened answers until it is closed; the others watch, and can STOP."""

    def __init__(self, label: str, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """label: what is calibrated."""
        self.terminal = Terminal(self._ask, self._say, keys=False)
        self.over = False
        self.refused = 0  # messages that were none, came too fast, or from one who watches
        self._label, self._clock_ns = label, clock_ns
        self._changed = threading.Condition()  # on a lock that one thread may take twice
        self._said: deque[str] = deque(maxlen=MOST_LINES)
        self._question: Question | None = None
        self._asked = 0
        self._answer: str | None = None
        self._stopped = False
        self._who: Hashable = None  # answers
        self._heard_ns: int | None = None  # when one who answers was last heard; None: nobody yet
        self._end, self._found = "", dict[str, Any]()

    def still_there(self) -> bool:
        """car.person.Person: from the procedure's thread."""
        with self._changed:
            return self._is_there()

    def show(self, saved: Path, found: BaseModel) -> None:
        """car.person.Person."""
        with self._changed:
            self._found = found.model_dump(mode="json", exclude_none=True, exclude={"date", "method"})
        self.end(f"saved in {saved}")

    def end(self, words: str) -> None:
        """It is over; the first words on how it ended are the last."""
        with self._changed:
            if not self.over:
                self._question, self._end, self.over = None, words, True

    def stop(self) -> None:
        """From the server's thread: anybody who has the page gives up."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def hear(self, who: Hashable, said: Answer) -> bool:
        """From the server's thread. False where `who` may not say it, or it answers no question that is open."""
        with self._changed:
            if said.stop:
                self.stop()
            if self._who is None:
                self._who = who
            if who == self._who:
                self._heard_ns = self._clock_ns()
                if said.answer is None:
                    return True
                if self._question and said.to == self._question.number:
                    self._answer, self._question = said.answer, None
                    self._changed.notify()
                    return True
            elif said.answer is None:
                return True
            self.refused += 1
            return False

    def leave(self, who: Hashable) -> None:
        """From the server's thread: who is gone, and another may answer."""
        with self._changed:
            if who == self._who:
                self._who = None

    def state(self, who: Hashable) -> dict[str, Any]:
        """How it is, for the page of `who`, as JSON values."""
        with self._changed:
            question = self._question
            return {
                "label": self._label,
                "driver": "nobody" if self._who is None else "you" if who == self._who else "other",
                "said": list(self._said),
                "question": question and [question.number, question.text, list(question.choices.items())],
                "stopped": self._stopped,
                "refused": self.refused,
                "over": self.over,
                "end": self._end,
                "found": self._found,
            }

    def _ask(self, question: str, choices: Mapping[str, str]) -> str:
        with self._changed:
            self._asked += 1
            self._answer, self._question = None, Question(self._asked, FOR_KEYS.sub("", question).strip(), choices)
            while self._answer is None:
                self._is_there()
                self._changed.wait(LOOK_S)
            return self._answer

    def _say(self, words: str) -> None:
        with self._changed:
            self._said.append(" ".join(words.split()))

    def _is_there(self) -> bool:
        """With the lock. Raises CalibrationError when STOP was pressed, or nobody was heard for too long."""
        if self._stopped:
            raise CalibrationError(STOPPED)
        if self._heard_ns is None:
            return False
        silent_ns = self._clock_ns() - self._heard_ns
        if silent_ns > GONE_NS:
            raise CalibrationError(NOBODY)
        return self._who is not None and silent_ns <= SILENT_NS
