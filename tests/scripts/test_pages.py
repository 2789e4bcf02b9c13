from pathlib import Path

import pytest

from scripts.pages import here_and_now, put_into


def test_what_was_measured_takes_the_place_of_what_was_and_all_else_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- b -->\nafter\n")
    for _ in range(2):
        put_into(page, "<!-- a -->", "<!-- b -->", "| new |")
        assert page.read_text() == "before\n<!-- a -->\n| new |\n<!-- b -->\nafter\n"
    with pytest.raises(ValueError, match="not found"):
        put_into(page, "<!-- c -->", "<!-- b -->", "| newer |")
    assert "newer" not in page.read_text()
    assert "Python" in here_and_now()
