import importlib.util
import subprocess
import sys

import numpy as np
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
    by_heart, varied = "pictures as they are", "as the preset"
    done = reading("--pictures", "10240", "--updates", "150", "--only", varied, "--only", by_heart)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip(" *") for cell in row.split("|")[1:-1]] for row in done.stdout.splitlines()]
    assert [row[0] for row in rows] == [varied, by_heart]
    for _, own, others, place, heading, *_ in rows:
        assert 0.05 < float(own) < 0.5
        assert 0.05 < float(others) < 0.6
        assert 0.1 < float(place) < 1
        assert 0.05 < float(heading) < 0.6
    of_own, of_others = np.array([row[1:3] for row in rows], float).T
    gap = dict(zip((varied, by_heart), of_others - of_own, strict=True))
    assert gap[by_heart] > 0.1  # what is learnt by heart is read better than what was never seen
    assert gap[by_heart] > gap[varied]
    assert page.read_bytes() == before  # a part of the table is not the page's
