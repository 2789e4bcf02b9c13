"""`manage.py` as a person types it: what a script measures is what everyone gets."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

from settings import PROJECT
from storage.files import write_file


def manage(*arguments: object) -> str:
    """What it prints. Where it fails, it has said why, and the script ends."""
    command = [sys.executable, str(PROJECT / "manage.py"), *map(str, arguments)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603
    if done.returncode:
        sys.exit(f"ended here, by what is said above:  {shlex.join(command[1:])}")
    return done.stdout


def finished(run: Path, result: Path, tracks: int, laps: int, seed: int) -> int:
    """Tracks that a run's int8 model finishes. Measured once: what `evaluate` has found is kept as `result`."""
    if not result.exists():
        told = manage(
            "evaluate", "--model", run, "--tracks", tracks, "--laps", laps, "--seed", seed, "--json",
            "--drives", run.parent / "drives",
        )  # fmt: skip
        write_file(result, told.encode())
    found = json.loads(result.read_text())["int8"]["finished"]
    print(f"{run.name}: {found} of {tracks}", flush=True)
    return found
