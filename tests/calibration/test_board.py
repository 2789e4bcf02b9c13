import io
import re

import cv2
import numpy as np
import pytest
from PIL import Image

from calibration.board import COLUMNS, CORNERS, PAPERS_MM, SQUARE_MM, board_pdf, corner_places, draw_board, find_board


@pytest.mark.parametrize("paper", PAPERS_MM)
def test_the_page_is_of_its_paper_s_size_and_the_board_of_its_own(paper: str) -> None:
    pdf = board_pdf(paper)
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf)
    sides_mm = [float(points) / 72 * 25.4 for points in box.groups()]
    assert sides_mm == pytest.approx(PAPERS_MM[paper], abs=0.1)
    start = pdf.index(b"stream", pdf.index(b"/Filter")) + 7
    page = np.asarray(Image.open(io.BytesIO(pdf[start : pdf.index(b"endstream", start)])).convert("L"))
    per_mm = page.shape[1] / sides_mm[0]
    seen = find_board(cv2.resize(page, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    assert len(seen) == CORNERS
    first, last = (seen.corners_px[seen.numbers == number][0] for number in (0, COLUMNS - 2))
    assert np.linalg.norm(last - first) * 2 / per_mm == pytest.approx((COLUMNS - 2) * SQUARE_MM, abs=0.2)


def test_corners_are_numbered_as_they_are_placed() -> None:
    picture = cv2.copyMakeBorder(draw_board(40), 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=255)
    seen = find_board(picture)
    places = corner_places(seen.numbers, 40.0)[:, :2] + 30 - 0.5
    assert np.abs(places - seen.corners_px).max() < 0.6


def test_no_board_no_corners() -> None:
    assert len(find_board(np.zeros((120, 160, 3), np.uint8))) == 0
