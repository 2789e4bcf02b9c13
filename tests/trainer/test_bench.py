import importlib.util
import json

import pytest

from sim_bridge.rounds import PEERS_PYTHON
from trainer import bench

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("TensorFlow is not installed: type `make install-dev`", allow_module_level=True)

TINY = ("--rounds", "1", "--updates", "2", "--frames", "32")


def test_the_benchmark_prints_its_table(manage) -> None:
    process = manage("bench", "learner", *TINY, env={"COLUMNS": "120", "PATH": ""})
    assert process.returncode == 0, process.stderr
    for words in ("ms an update, batch at hand", "frames/s of the whole loop", "ours", "Stable-Baselines3", "Python 3"):
        assert words in process.stdout
    assert ("make peers" in process.stdout) != PEERS_PYTHON.exists()


def test_without_the_peers_only_ours_is_measured(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "PEERS_PYTHON", tmp_path / "none")
    result = json.loads(json.dumps(bench.bench_learner(1, 2, 32, lambda done, of: None).as_json()))
    assert [one["name"] for one in result["results"]] == ["ours"]
    assert all(result["results"][0][key] > 0 for key in ("ms_per_update", "ms_with_sampling", "frames_per_s"))


@pytest.mark.skipif(not PEERS_PYTHON.exists(), reason="Stable-Baselines3 is not installed: type `make peers`")
def test_the_peer_has_the_layers_of_our_network() -> None:
    """The same count of weights as ours up to the heads, counted by its own Python."""
    import subprocess

    from settings import PROJECT

    program = (
        "import gymnasium, numpy as np; from trainer.bench_dqn import Trunk; "
        "trunk = Trunk(gymnasium.spaces.Box(0, 255, (4, 64, 64), np.uint8)); "
        "print(sum(weights.numel() for weights in trunk.parameters()))"
    )
    counted = subprocess.run([PEERS_PYTHON, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert int(counted.stdout) == (4 * 4 * 4 + 1) * 16 + (3 * 3 * 16 + 1) * 32 + (7 * 7 * 32 + 1) * 128
