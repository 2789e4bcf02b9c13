"""`manage.py train --compare RUN RUN ...`: which settings differ, and what came of it. Needs no TensorFlow."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from errors import UserError
from storage.files import write_file
from trainer.figures import comparison
from trainer.metrics import read_metrics

PICTURE = "compare.png"


class CompareError(UserError):
    """Runs cannot be compared. The message is one line: the cause and the remedy."""


def compare(runs: Path, names: list[str], console: Console) -> Path:
    """Print the table of these runs and draw their curves. Returns the picture's path, in runs.

    names: folders in runs, or paths. Raises CompareError, MetricsError, StorageError.
    """
    settings, metrics = {}, {}
    for name in names:
        folder = runs / name
        if not folder.is_dir():
            known = sorted(path.parent.name for path in runs.glob("*/metrics.jsonl"))
            raise CompareError(f"no run {name} in {runs}; known there: {', '.join(known) or 'none'}")
        settings[name], metrics[name] = _settings(folder), read_metrics(folder)
    table = Table("", *names)
    for key in dict.fromkeys(key for one in settings.values() for key in one):
        values = [str(settings[name].get(key, "-")) for name in names]
        if len(set(values)) > 1:
            table.add_row(key, *values)
    table.add_section()
    results = [_results(metrics[name]) for name in names]
    for key in results[0]:
        table.add_row(key, *(result[key] for result in results))
    console.print(table)
    write_file(runs / PICTURE, comparison(metrics))
    return runs / PICTURE


def _settings(folder: Path) -> dict[str, Any]:
    try:
        saved = json.loads((folder / "settings.json").read_bytes())
        return {"preset": saved.get("preset") or "-", "commit": saved["commit"][:12]} | saved["hyperparameters"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CompareError(f"{folder / 'settings.json'} cannot be used; name another run") from error


def _results(metrics: list[dict[str, float]]) -> dict[str, str]:
    evaluated = [line for line in metrics if "finished_share" in line]

    def time_to(share: float) -> str:
        reached = [line["elapsed_s"] for line in evaluated if line["finished_share"] >= share]
        return f"{reached[0]:.0f} s" if reached else "-"

    best = max(evaluated, key=lambda line: (line["finished_share"], -line["mean_offset_m"]), default=None)
    last = metrics[-1] if metrics else None
    return {
        "50 % of the validation tracks after": time_to(0.5),
        "90 % after": time_to(0.9),
        "best finished share": f"{best['finished_share']:.0%}" if best else "-",
        "mean from the centre then": f"{100 * best['mean_offset_m']:.1f} cm" if best else "-",
        "updates": f"{last['updates']:,}" if last else "-",
        "trained": f"{last['elapsed_s']:.0f} s" if last else "-",
    }
