"""How soon networks learn to read rooms they never saw: `.venv/bin/python -m scripts.reading [--only VARIANT ...]`.

Pictures of the table `real` and the returns of all actions there are gathered first; then the preset's learner, and
variants of it, learn from the same pictures for as many updates, and are asked about worlds that are in none of them.
Half of the cars are driven by pursuit that errs, the others straight on until they are rescued, so nothing depends on
what a network drives. Needs TensorFlow; a quarter of an hour. Makes the figures of a part of docs/sim2real.md.
"""

import argparse
import os
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from errors import UserError
from models.contract import Contract, ObservationSpec
from scripts.pages import here_and_now, put_into
from settings import PROJECT
from sim_bridge.distributions import TABLES
from sim_bridge.rollout import SCALE
from trainer.hyperparameters import Hyperparameters
from trainer.practice import FACT_SCALE, FACTS, VALUED_EVERY, Lesson, Practice
from trainer.presets import load_preset
from trainer.rolled_out import Regression, learning_rate
from trainer.run_settings import contract_for

PAGE, BEGIN, END = PROJECT / "docs" / "sim2real.md", "<!-- read -->", "<!-- read: end -->"
SEED, ASKED_SEED = 0, 1  # of the worlds that are learnt from, and of those that are asked about
ASKED = 64  # batches of moments: some 8,000, of a few hundred worlds
SCARCE = 8  # to one: pictures that are asked about are fewer


class ByAdam(Regression):
    """As the preset, but by Adam alone."""

    optimizer = keras.optimizers.Adam


class Variant(NamedTuple):
    """What differs from the preset: the learner, hyper-parameters, what share of the pictures it gets (and so of the
    worlds), one of how many steps in each world, the pictures' size."""

    learner: type[Regression] = Regression
    changes: Mapping[str, Any] = MappingProxyType({})
    share: float = 1.0
    every: int = VALUED_EVERY
    size: int = Contract().observation.size


VARIANTS = {  # those that share their pictures one after the other: they are gathered once
    "as the preset": Variant(),
    "pictures as they are": Variant(changes={"vary": False}),
    "nothing told but the values": Variant(changes={"facts": 0.0}),
    "Adam": Variant(learner=ByAdam),
    "a quarter of each world's pictures": Variant(every=4 * VALUED_EVERY),
    "a quarter of the worlds": Variant(share=0.25),
    "pictures of 96 x 96": Variant(size=96),
}


class Reading(NamedTuple):
    """How a network reads worlds. loss: Huber's, of the advantages; place: error in half widths and heading_rad, root
    mean square; slope: of the place that it tells on where the car is, 1 for who neither shrinks nor stretches it."""

    loss: float
    place: float
    heading_rad: float
    slope: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pictures", type=int, default=70_000, help="to learn from; every second one is valued")
    options.add_argument("--updates", type=int, default=1_000)
    options.add_argument("--only", action="append", choices=list(VARIANTS), help="this variant; as often as you like")
    chosen = options.parse_args()
    preset = Hyperparameters(**load_preset("real"))
    least = SCARCE * preset.envs * 20  # 20 steps to ask about
    if chosen.pictures < least or chosen.updates < 1:
        options.error(f"it takes at least {least} pictures and 1 update")
    tf.config.threading.set_intra_op_parallelism_threads(len(os.sched_getaffinity(0)))
    rows = [
        f"{chosen.pictures} pictures, half of them valued; {chosen.updates} updates each; {here_and_now()}.",
        "",
        "| variant | loss, its own worlds | **loss, other worlds** | place off by, half widths | heading off by, rad | "
        "slope of the place | ms an update |",
        "|---|---|---|---|---|---|---|",
    ]
    gathered = None
    for name in chosen.only or VARIANTS:
        variant = VARIANTS[name]
        contract = contract_for(preset).model_copy(update={"observation": ObservationSpec(size=variant.size)})
        if gathered != (variant.share, variant.size):
            practice = gather(contract, preset, int(chosen.pictures * variant.share), SEED)
            asked = gather(contract, preset, chosen.pictures // SCARCE, ASKED_SEED)
            unseen, gathered = [asked.draw(preset.batch) for _ in range(ASKED)], (variant.share, variant.size)
        learner = variant.learner(contract, preset.model_copy(update=variant.changes))
        took_s = learn(learner, practice, chosen.updates, variant.every)
        seen = [practice.draw(preset.batch, variant.every) for _ in range(ASKED)]
        own, others = read(learner, seen), read(learner, unseen)
        told = (
            f"{others.place:.2f} | {others.heading_rad:.2f} | {others.slope:.2f}" if learner.settings.facts else "| |"
        )
        rows.append(
            f"| {name} | {own.loss:.3f} | **{others.loss:.3f}** | {told} | {1e3 * took_s / chosen.updates:.0f} |"
        )
        print(rows[-1], flush=True)
    if not chosen.only:
        put_into(PAGE, BEGIN, END, "\n".join(rows))


def gather(contract: Contract, settings: Hyperparameters, pictures: int, seed: int) -> Practice:
    """So many pictures, in the memory of a practice that has ended. Raises UserError where its process dies."""
    with Practice(contract, TABLES[settings.table], settings.envs, pictures // settings.envs, seed) as practice:
        while practice.frames < pictures:
            if not practice.alive:
                raise UserError("the process that drives the cars has died, maybe for want of memory")
            time.sleep(0.1)
    return practice


def learn(learner: Regression, practice: Practice, updates: int, every: int = VALUED_EVERY) -> float:
    """So many updates, as `train` makes them; every: as in Practice.draw. Returns how long they took, s."""
    began_s = time.perf_counter()
    for update in range(updates):
        lesson = practice.draw(learner.settings.batch, every)
        learner.learn(lesson, learning_rate(learner.settings, update / updates, update))
    return time.perf_counter() - began_s


def read(learner: Regression, lessons: list[Lesson]) -> Reading:
    """What it makes of these moments, which it does not learn from."""
    losses, told, true = [], [], []
    for lesson in lessons:
        goals = SCALE * lesson.values
        goals -= goals.mean(axis=1, keepdims=True)
        losses.append(float(tf.reduce_mean(keras.losses.huber(goals, learner.advantages(lesson.observation)))))
        told.append(learner.facts(lesson.observation) / FACT_SCALE)
        true.append(lesson.facts / FACT_SCALE)
    told, true = np.concatenate(told), np.concatenate(true)
    place, heading = FACTS.index("offset"), FACTS.index("heading")
    off = np.sqrt(np.mean((told - true) ** 2, axis=0))
    slope = np.polyfit(true[:, place], told[:, place], 1)[0]
    return Reading(float(np.mean(losses)), float(off[place]), float(off[heading]), float(slope))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(str(error)) from None
