import io
import os
import shutil

import cv2
import numpy as np
import pytest

from car.display import Display
from car.qr_code import qr_code

LINK = "http://192.168.178.123:8887/?token=2Qm0dJ3rYf4x1KcV"


def test_a_phone_reads_the_link_off_it() -> None:
    code = qr_code(LINK, 60)
    assert code.shape == (60, 60, 3)
    assert (code[:4] == 255).all()  # the quiet zone
    large = cv2.resize(code, (600, 600), interpolation=cv2.INTER_NEAREST)
    assert cv2.QRCodeDetector().detectAndDecode(large)[0] == LINK


@pytest.mark.parametrize("size", [20, 36])
def test_where_it_does_not_fit_there_is_none(size: int) -> None:
    assert qr_code(LINK, size) is None
    assert isinstance(qr_code(LINK, 37), np.ndarray)  # 29 modules and 4 around


class Nowhere:
    """A place and a camera of which nothing is known."""

    overruns = 0

    def words(self) -> str:
        return ""

    def second_picture(self, _size: int) -> None:
        return None


@pytest.mark.parametrize(("columns", "shown"), [(142, 142), (141, 80)])
def test_it_stands_beside_the_live_picture_where_the_terminal_is_wide_enough(
    monkeypatch: pytest.MonkeyPatch, columns: int, shown: int
) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((columns, 50)))
    out = io.StringIO()
    display = Display("CAR", Nowhere(), Nowhere(), pictures=True, code=LINK, out=out)
    display.run(np.zeros((120, 160), np.uint8), 0, 1, 0.0, 0.0, "", None)
    assert [line.count("▀") for line in out.getvalue().splitlines()[:30]] == [shown] * 30
