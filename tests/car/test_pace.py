import pytest

from car import pace

MS = 1_000_000


def test_every_frame_that_the_loop_was_too_late_for_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = 0
    monkeypatch.setattr(pace.time, "monotonic_ns", lambda: now_ns)
    frames = pace.Pace(realtime=False)
    counted = []
    for work_ms in (10, 60, 50, 51, 170, 10):  # of a period of 50
        now_ns += work_ms * MS
        frames.wait(0.05)
        counted.append(frames.overruns)
    assert counted == [0, 1, 1, 2, 3, 3]  # one that is three periods late is one: nobody saw the others
