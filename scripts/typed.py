"""`manage.py` as a person types it: what a script measures is what everyone gets."""

import shlex
import subprocess
import sys

from settings import PROJECT


def manage(*arguments: object) -> str:
    """What it prints. Where it fails, it has said why, and the script ends."""
    command = [sys.executable, str(PROJECT / "manage.py"), *map(str, arguments)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603
    if done.returncode:
        sys.exit(f"ended here, by what is said above:  {shlex.join(command[1:])}")
    return done.stdout
