import importlib.util
import subprocess
import sys

import pytest

from settings import PROJECT

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("TensorFlow is not installed: type `make install-dev`", allow_module_level=True)


def reading(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.reading", *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_too_few_pictures_are_refused_in_one_line() -> None:
    refused = reading("--pictures", "100")
    assert refused.returncode == 2
    assert "at least 10240 pictures" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_variants_learn_from_the_same_pictures_and_are_asked_about_others() -> None:
    page = PROJECT / "docs" / "sim2real.md"
    before = page.read_bytes()
    done = reading("--pictures", "10240", "--updates", "150", "--only", "as the preset", "--only", "Adam")
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip(" *") for cell in row.split("|")[1:-1]] for row in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["as the preset", "Adam"]
    for _, own, others, place, heading, *_ in rows:
        assert 0.05 < float(own) < float(others) < 0.6  # what was learnt from is read better
        assert 0.1 < float(place) < 1
        assert 0.05 < float(heading) < 0.6
    assert page.read_bytes() == before  # a part of the table is not the page's
