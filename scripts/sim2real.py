"""Makes the figures of docs/sim2real.md: `.venv/bin/python -m scripts.sim2real FOOTAGE [--model M]`, 20 minutes.

FOOTAGE: a tub or a folder of them. Only measures; nothing is trained on and nothing chosen. Without TensorFlow.
"""

import argparse
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from car.wheel import PRETRAINED_REAL
from errors import UserError
from models.arc import same_arc
from models.contract import Contract
from models.decision import Decisions
from models.folder import Model, load_model
from models.footage import Clip, ClipScore, score_clip, steer_through
from models.score import score_steering, smooth, stretches
from scripts.pages import here_and_now, put_into
from settings import PROJECT
from sim_bridge.distributions import EVALUATION
from sim_bridge.real import REAL
from sim_bridge.scene import Always, Choice, Table, Uniform
from sim_bridge.simulator import Simulator
from storage.tub import Tub, find_tubs
from trainer.evaluation import Chooser, TrackResult, drive_tracks, greedy, summarise, teacher

PAGE, BEGIN, END = PROJECT / "docs" / "sim2real.md", "<!-- measured -->", "<!-- measured: end -->"
TRACKS, LAPS = 200, 5  # in closed loop
SHORT = 50, 1  # tracks and laps, where decodings are compared
EACH = 100, 1  # and where kinds of worlds are
BATCH = 25  # cars at once in a process
SEED = 0
# Worlds of `real` that are easier in one respect, to see what it fails by.
NO_DISTRACTION: Table = {name: Always(0) for name in (
    "lamps", "mirror", "sun_patches", "shadows", "haze", "stray_lines", "stray_shapes", "things", "roads_across",
    "zebras", "stop_lines", "line_worn", "line_missing", "noise_rows", "jpeg_quality",
)}  # fmt: skip
TWO_EDGES: Table = {"lines": Choice({("left", "right"): 5, ("left", "right", "dashes"): 4})}
DASHES_TOO: Table = {"lines": Always(("left", "right", "dashes"))}
BROAD: Table = {"line_width_m": Uniform(0.04, 0.08)}
SLOW: Table = {"top_speed_m_s": Uniform(3.0, 4.0)}
STRAIGHT: Table = {"start_offset": Always(0.0), "start_heading_deg": Always(0.0)}
TIDY: Table = {name: EVALUATION[name] for name in (
    "line_double_m", "line_wobble_m", "tape_piece_m", "line_missing", "line_worn",
)}  # fmt: skip
# Groups of the table's lines, each from its first to its last; all but the walls, for lamps hang in rooms.
GROUPS = {
    "car": ("wheelbase_m", "motor_lag_s"),
    "track": ("track_shape", "road_sway"),
    "floor": ("floor", "floor_colour2"),
    "fill of the road": ("fill", "mat_m"),
    "lines": ("lines", "line_worn"),
    "stray lines and shapes": ("roads_across", "stray_shapes"),
    "clutter and things": ("wall_colour", "things"),
    "light": ("light", "mirror_smear_m"),
    "lens, and how it is mounted": ("camera_fov_deg", "camera_area"),
    "camera's chip": ("gain", "noise_rows"),
    "view of the car itself": ("own_shadow", "body_colour"),
    "starts": ("start_offset", "start_heading_deg"),
}


def as_in_evaluation(group: str) -> Table:
    """The worlds of `real`, but for a group of lines, which are those of the default evaluation."""
    names, (first, last) = list(REAL), GROUPS[group]
    return REAL | {name: EVALUATION[name] for name in names[names.index(first) : names.index(last) + 1]}


EASIER = {
    "as it is": REAL,
    "no glare, shadows, stray or worn lines": REAL | NO_DISTRACTION,
    "only roads of two edges": REAL | TWO_EDGES,
    "both": REAL | NO_DISTRACTION | TWO_EDGES,
    "only roads of two edges and dashes": REAL | DASHES_TOO,
    "only lines of 40 to 80 mm": REAL | BROAD,
    "only lines that are single, straight and whole": REAL | TIDY,
    "only slow cars, 0.6 to 0.8 m/s": REAL | SLOW,
    "starts in the middle of the road, straight along it": REAL | STRAIGHT,
} | {f"the {group} of the default evaluation": as_in_evaluation(group) for group in GROUPS}
# What `calibrate vehicle` is held to in tests/calibration/test_true_cars.py, as shares: the middle, and each lock.
MEASURED: Table = REAL | {"steering_trim": Uniform(-0.02, 0.02)}
LOCK_OFF = 0.03
SMOOTHED_S = 1.0  # where people steer by keys, all or nothing, pulses of a third of a second make up a bend
LEAST_TURN = 0.02  # of the range of -1 to +1: a servo's deadband, about


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("footage", type=Path)
    options.add_argument("--model", type=Path, default=PRETRAINED_REAL)
    chosen = options.parse_args()
    try:
        model = load_model(chosen.model)
    except UserError as error:
        options.error(str(error))
    tubs = {tub.path.name: tub for tub in map(Tub, find_tubs(chosen.footage))}
    when = _when(model)  # before all cores are at work
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        cars = Cars(model, pool)
        parts = [when, _clips(model, tubs), _decodings(model, cars, tubs), _closed_loop(cars), _easier(cars)]
    text = "\n\n".join(parts)
    put_into(PAGE, BEGIN, END, text)
    print(text)


def _when(model: Model) -> str:
    measured = f"`{model.manifest.command}`, int8, measured on {here_and_now()}."
    return f"{measured} Closed loop: {TRACKS} worlds, {LAPS} laps each; the other tables: one lap."


def _scores(model: Model, contract: Contract, tubs: dict[str, Tub], *, still: bool = False) -> dict[str, ClipScore]:
    return {name: score_clip(clip) for name, clip in _steered(model, contract, tubs, still=still).items()}


def _steered(model: Model, contract: Contract, tubs: dict[str, Tub], *, still: bool = False) -> dict[str, Clip]:
    return {name: steer_through(model.policy, contract, tub, still=still) for name, tub in tubs.items()}


def _clips(model: Model, tubs: dict[str, Tub]) -> str:
    clips = _steered(model, model.contract, tubs)
    moving = {name: score_clip(clip) for name, clip in clips.items()}
    still = _scores(model, model.contract, tubs, still=True)
    rows = ["| clip | score | with `--still` | same side in bends | the human, smoothed |", "|---|---|---|---|---|"]
    for name, one in moving.items():
        own = smoothed_human(clips[name].human, clips[name].timestamps_ms, clips[name].sessions)
        scores = f"{one.score.score:.2f} | {still[name].score.score:.2f} | {one.sign_agreement:.0%} | {own:.2f}"
        rows.append(f"| {name} | {scores} |")
    means = [np.mean([one.score.score for one in scores.values()]) for scores in (moving, still)]
    rows.append(f"| **mean** | **{means[0]:.2f}** | **{means[1]:.2f}** | | |")
    return "\n".join(rows)


def smoothed_human(human: np.ndarray, timestamps_ms: Sequence[float], sessions: Sequence[str]) -> float:
    """The score of the human's own steering, (n,), as a mean over SMOOTHED_S: what is left of it without its pulses.
    Raises as models.score.score_steering."""
    pieces, period_s = stretches(timestamps_ms, sessions)
    own = np.concatenate([smooth(human[piece], period_s, SMOOTHED_S) for piece in pieces])
    return score_steering(human, own, -own, timestamps_ms, sessions).score


def _decodings(model: Model, cars: "Cars", tubs: dict[str, Tub]) -> str:
    rows = [
        "| decoding | score | changes of side /s, on clips | finished, `evaluation` | reversals /s | servo travel /s |",
        "|---|---|---|---|---|---|",
    ]
    for decoding in ("argmax", "expectation"):
        actions = model.contract.actions.model_copy(update={"decoding": decoding})
        contract = model.contract.model_copy(update={"actions": actions})
        scores = list(_scores(model, contract, tubs).values())
        results, commands = cars.drive(EVALUATION, *SHORT, contract=contract)
        reversals, travel = restlessness(commands, contract.observation.period_s)
        rows.append(
            f"| {decoding} | {np.mean([one.score.score for one in scores]):.2f} "
            f"| {np.mean([one.flips_per_second for one in scores]):.2f} "
            f"| {summarise(results).finished} of {SHORT[0]} | {reversals:.1f} | {travel:.2f} |"
        )
    return "\n".join(rows)


def _closed_loop(cars: "Cars") -> str:
    rows = [
        "| table | the teacher finishes | the policy | of the teacher's | metres for each time it leaves the road |",
        "|---|---|---|---|---|",
    ]
    for name, table, measured in (
        ("evaluation", EVALUATION, False),
        ("real", REAL, False),
        ("real, each car measured by `calibrate vehicle`", MEASURED, True),
    ):
        by_teacher, _ = cars.drive(table, TRACKS, LAPS, sees_road=True)
        driven, _ = cars.drive(table, TRACKS, LAPS, measured=measured)
        both = sum(one.finished and two.finished for one, two in zip(driven, by_teacher, strict=True))
        rows.append(
            f"| {name} | {summarise(by_teacher).finished} of {TRACKS} | {summarise(driven).finished} "
            f"| {both / max(1, summarise(by_teacher).finished):.1%} | {metres_each(driven)} |"
        )
    return "\n".join(rows)


def _easier(cars: "Cars") -> str:
    rows = ["| worlds of `real` | laps finished | metres for each time it leaves the road |", "|---|---|---|"]
    for what, table in EASIER.items():
        driven, _ = cars.drive(table, *EACH)
        rows.append(f"| {what} | {summarise(driven).finished} of {EACH[0]} | {metres_each(driven)} |")
    return "\n".join(rows)


def metres_each(driven: list[TrackResult]) -> str:
    """Driven for each time that a car left the road, or - where none did."""
    left = sum(one.off_road for one in driven)
    return f"{sum(one.driven_m for one in driven) / left:.0f}" if left else "-"


class Cars:
    """Drives a model, or the teacher who sees the road, on all cores."""

    def __init__(self, model: Model, pool: Executor) -> None:
        self._model, self._pool = model, pool

    def drive(
        self,
        table: Table,
        tracks: int,
        laps: int,
        *,
        contract: Contract | None = None,
        sees_road: bool = False,
        measured: bool = False,
    ) -> tuple[list[TrackResult], list[list[float]]]:
        """What became of each car, and what it was told to steer. contract: instead of the model's own. measured: each
        car goes the arcs that the model means."""
        folder = None if sees_road else self._model.folder
        batch = partial(_batch, folder, contract or self._model.contract, table, laps, measured)
        batches = list(self._pool.map(batch, range(0, tracks, BATCH)))
        return [one for results, _ in batches for one in results], [one for _, told in batches for one in told]


def _batch(
    folder: Path | None, contract: Contract, table: Table, laps: int, measured: bool, first: int
) -> tuple[list[TrackResult], list[list[float]]]:
    """In a process of its own: BATCH cars, the first of that number. folder: of the model; the teacher's where None."""
    cv2.setNumThreads(1)
    policy = load_model(folder).policy if folder else None
    if policy:
        choose = greedy(lambda seen, _: np.stack([policy.advantages(one) for one in seen]), contract)
    else:
        choose = teacher(contract)
    steering = Steering(in_own_arcs(choose, contract) if measured else choose, BATCH)
    looks = policy is not None
    driven = drive_tracks(steering, contract, BATCH, laps, SEED, table=table, first_track=first, looks=looks)
    return driven, steering.of_car


def in_own_arcs(choose: Chooser, contract: Contract) -> Chooser:
    """That chooser's steering as the arcs that it means, in cars each of which was measured, and found to turn further
    than it does by LOCK_OFF, or less far. As it is where the contract does not say what steering means."""
    turns_rad_per_m = contract.actions.turns_rad_per_m
    if turns_rad_per_m is None:
        return choose

    def choose_arcs(observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        decided, bicycles = choose(observations, cars, simulator), simulator.bicycles
        found_rad = bicycles.locks_rad[:, cars] * (1 + LOCK_OFF * (-1) ** cars)
        arcs = same_arc(decided.steering, turns_rad_per_m, bicycles.wheelbase_m[cars], *found_rad)
        return replace(decided, steering=arcs)

    return choose_arcs


class Steering:
    """A chooser that keeps what each car was told, in of_car."""

    def __init__(self, choose: Chooser, cars: int) -> None:
        self._choose = choose
        self.of_car: list[list[float]] = [[] for _ in range(cars)]

    def __call__(self, observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        decided = self._choose(observations, cars, simulator)
        for car, steering in zip(cars.tolist(), decided.steering.tolist(), strict=True):
            self.of_car[car].append(steering)
        return decided


def restlessness(commands: list[list[float]], period_s: float) -> tuple[float, float]:
    """commands: the steering of each car, a number a period. Reversals a second, turns by less than LEAST_TURN left
    out, and the way the command goes in a second (from full left to full right is 2). Means over all cars' time."""
    reversals, travel, steps = 0, 0.0, 0
    for steering in commands:
        turns = np.diff(steering)
        travel += np.abs(turns).sum()
        large = np.sign(turns[np.abs(turns) >= LEAST_TURN])
        reversals += int((np.diff(large) != 0).sum())
        steps += len(steering)
    return reversals / (steps * period_s), float(travel / (steps * period_s))


if __name__ == "__main__":
    main()
