"""What a check says."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Line:
    """One line of the report. warn: it drives, worse than it might; fail: it does not."""

    check: str
    state: State
    words: str
    remedy: str = ""  # what to do, where the state is not ok


def ok(check: str, words: str) -> Line:
    """Nothing to do."""
    return Line(check, "ok", words)


def at_least(check: str, words: str, amount: float, *, warn: float, fail: float, remedy: str) -> Line:
    """A line about an amount that should not be small: warn and fail below their limits."""
    if amount >= warn:
        return ok(check, words)
    return Line(check, "fail" if amount < fail else "warn", words, remedy)
