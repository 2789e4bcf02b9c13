"""Is a policy trained through the wire as good as one trained in here? `.venv/bin/python -m scripts.by_wire`

Makes the table of docs/simulators.md: the same steps and seeds, in the embedded simulator and in `sim serve --lockstep`
by DonkeySim's wire, then the same unseen tracks. An hour or two. What is in --folder already is not made again, and a
training that was ended, Ctrl-C or kill -9, goes on: so the command can be ended and typed again.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from scripts.pages import here_and_now, put_into
from scripts.typed import finished, manage
from settings import PROJECT

BEGIN, END = "<!-- measured: by wire -->", "<!-- measured: by wire, end -->"
LAPS, SEED = 3, 0  # of the tracks that are reported
FEWEST_STEPS = 5000  # of one that goes on: its memory is empty, and it learns nothing from the first 4,000
ENVS = 16  # as many cars as a training in here has


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=PROJECT / "runs" / "by_wire")
    parser.add_argument("--steps", type=int, default=60_000, help="of all cars together, in each training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tracks", type=int, default=200)
    parser.add_argument("--port", type=int, default=9191, help="of the server, the same each time")
    parser.add_argument("--page", type=Path, default=PROJECT / "docs" / "simulators.md")
    chosen = parser.parse_args()
    address = f"donkeysim://127.0.0.1:{chosen.port}/generated_road"
    counts: dict[str, list[int]] = {"embedded": [], "by wire": []}
    for seed in range(chosen.seeds):  # in turn, so that whatever else the machine does falls on both alike
        _train(chosen.folder, f"embedded-{seed}", chosen.steps, "--seed", seed)
        counts["embedded"].append(_finished(chosen, f"embedded-{seed}"))
        with _server(chosen.port):
            _train(chosen.folder, f"wire-{seed}", chosen.steps, "--seed", seed, "--envs", ENVS, "--sim", address)
        counts["by wire"].append(_finished(chosen, f"wire-{seed}"))
    table = _table(chosen, counts)
    put_into(chosen.page, BEGIN, END, table)
    print(table)


def _train(folder: Path, name: str, steps: int, *options: object) -> None:
    """Until so many steps are made, from where it stands."""
    run = folder / name
    while (frames := _frames(run)) < steps:
        if (run / "checkpoint.npz").exists():
            manage("train", "--resume", name, "--runs", folder, "--steps", max(FEWEST_STEPS, steps - frames))
        else:
            shutil.rmtree(run, ignore_errors=True)
            manage("train", "--runs", folder, "--name", name, "--steps", steps, *options)
        if _frames(run) == frames:
            sys.exit(f"{name} stands still at {frames} of {steps} steps; look into {run}")


def _frames(run: Path) -> int:
    """What was written down last of its steps; 0 where nothing was."""
    metrics = run / "metrics.jsonl"
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    return int(json.loads(lines[-1])["frames"]) if lines else 0


def _finished(chosen: argparse.Namespace, run: str) -> int:
    result = chosen.folder / f"{run}-{chosen.steps}-steps-{chosen.tracks}-tracks.json"
    return finished(chosen.folder / run, result, chosen.tracks, LAPS, SEED)


@contextmanager
def _server(port: int) -> Iterator[None]:
    """`sim serve --lockstep`, in worlds of the table that trainings in here draw from."""
    command = [sys.executable, str(PROJECT / "manage.py"), "sim", "serve", "--lockstep", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:  # noqa: S603
        try:
            if not server.stdout.readline():  # it says when it listens
                sys.exit(f"no server on port {port}; is it taken? Name another --port, and another --folder")
            yield
        finally:
            server.terminate()


def _table(chosen: argparse.Namespace, counts: dict[str, list[int]]) -> str:
    shares = {way: [count / chosen.tracks for count in found] for way, found in counts.items()}
    points = 100 * (median(shares["by wire"]) - median(shares["embedded"]))
    rows = [
        f"`python -m scripts.by_wire`: {chosen.steps:,} steps each; finished of {chosen.tracks} tracks x {LAPS} laps, "
        f"int8. {here_and_now()}.",
        "",
        "| trained | " + " | ".join(f"seed {seed}" for seed in range(chosen.seeds)) + " | median |",
        "|---" * (chosen.seeds + 2) + "|",
        *(
            f"| {way} | {' | '.join(f'{share:.1%}' for share in one)} | **{median(one):.1%}** |"
            for way, one in shares.items()
        ),
        "",
        f"By wire, the median is {points:+.1f} points from the embedded one's.",
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("ended; the same command goes on from here")
