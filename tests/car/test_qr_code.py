import cv2
import numpy as np
import pytest

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
