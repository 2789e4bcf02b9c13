"""May this model drive here? Asked before it is installed, in a process of its own: a file that makes the runtime
crash, hang or eat the memory ends that process, and nothing else.

    python -m models.selftest FOLDER      one line: its milliseconds a decision, or with exit code 1 what is wrong
"""

import resource
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from errors import UserError
from models.folder import Model, ModelError, load_model
from settings import PROJECT

MOST_OF_PERIOD = 0.5  # of the control period, for a decision: camera, guardian and page need the rest
_DECISIONS = 50
_LEAST_NS = 50_000_000  # of a processor's time in all, where it may be counted in steps of 10 ms
_MOST_MEMORY_BYTES = 2 << 30
_MOST_CPU_S = 60  # a Pi 4 needs 3; of the processor, not of the clock: it must not fail for what else runs
_LONGEST_S = 600


def try_out(folder: Path) -> float:
    """Files, hashes, contract, golden outputs, finite numbers and how long a decision takes: milliseconds of a
    processor. Raises ModelError where the model fails one of them."""
    test = [sys.executable, "-m", "models.selftest", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603, our own program
            test,
            cwd=PROJECT,
            env={"PATH": ""},  # the keys of the bucket are nothing to it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{folder} did not come to an end of its test; it is not used") from error
    said = done.stdout.strip()
    if done.returncode == 1 and said:
        raise ModelError(said)
    if done.returncode != 0:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"code {done.returncode}"
        raise ModelError(f"{folder} ended its test with {how}: it crashes the runtime, or is too large; train it anew")
    return float(said)


def decision_ms(model: Model) -> float:
    """Milliseconds that a decision takes of a processor, the mean of many, for some machines count its time in steps of
    10 ms; other work does not count. Raises ModelError where that is too much of the control period, or an advantage is
    no finite number."""
    spec = model.contract.observation
    observations = np.random.default_rng(0).integers(0, 256, (_DECISIONS, *spec.shape), dtype=np.uint8)
    decided, took_ns, started_ns = 0, 0, time.process_time_ns()
    while decided < _DECISIONS or took_ns < _LEAST_NS:
        if not np.isfinite(model.policy.advantages(observations[decided % _DECISIONS])).all():
            raise ModelError(f"{model.folder} gives advantages that are no finite numbers; train it anew")
        decided, took_ns = decided + 1, time.process_time_ns() - started_ns
    took_ms = took_ns / 1e6 / decided
    most_ms = 1000 * MOST_OF_PERIOD * spec.period_s
    if took_ms > most_ms:
        raise ModelError(
            f"{model.folder} takes {took_ms:.0f} ms for a decision on this machine, and {most_ms:.0f} is the most; "
            "train a smaller one"
        )
    return took_ms


def main() -> int:
    """Returns the exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY_BYTES, _MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_CPU_S, _MOST_CPU_S))
    with suppress(OSError):  # when memory runs out, this goes first, and never who drives
        Path("/proc/self/oom_score_adj").write_text("1000")
    try:
        print(decision_ms(load_model(Path(sys.argv[1]))))
    except UserError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
