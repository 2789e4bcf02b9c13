"""The model, its contract, and the runtime that it runs in."""

import time
from pathlib import Path

import numpy as np

from car.doctor.line import Line, ok
from errors import UserError
from models.folder import Model

DECISIONS = 50


def policy(chosen: Model | UserError) -> list[Line]:
    """chosen: the model that a drive would take, or why there is none."""
    if isinstance(chosen, UserError):
        what, _, remedy = str(chosen).rpartition("; ")
        return [Line("model", "fail", what, remedy)]
    spec, actions = chosen.contract.observation, chosen.contract.actions
    manifest = chosen.manifest
    contract = (
        f"{manifest.contract_digest[:12]}: {spec.size} x {spec.size} x {spec.stack} from {spec.frame_width} x "
        f"{spec.frame_height}, every {1000 * spec.period_s:.0f} ms, {len(actions.steering)} steering bins"
    )
    return [
        ok("model", f"{manifest.name} of {manifest.created}, in {_short(chosen.folder)}"),
        ok("contract", contract),
        _runtime(chosen),
    ]


def _runtime(model: Model) -> Line:
    """Its name, its threads, and how long a decision takes here."""
    spec = model.contract.observation
    observation = np.random.default_rng(0).integers(0, 256, spec.shape, dtype=np.uint8)
    took_ms = []
    for _ in range(DECISIONS):
        started = time.perf_counter()
        model.policy.raw(observation)
        took_ms.append(1000 * (time.perf_counter() - started))
    typical_ms, period_ms = float(np.median(took_ms)), 1000 * spec.period_s
    words = f"{model.policy.runtime}, int8, 1 thread, {typical_ms:.2f} ms a decision"
    if typical_ms > period_ms / 2:
        return Line("runtime", "warn", f"{words} of every {period_ms:.0f}", "see what else runs (top)")
    return ok("runtime", words)


def _short(folder: Path) -> str:
    """Below the folder one is in, without it."""
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)
