"""What the shipped policy would do if it knew more: `.venv/bin/python -m scripts.knowing FOOTAGE`, most of an hour.

Either its own steering, as who has measured it does: where straight ahead is, and how far it turns. Or what it saw in
the seconds before: a recurrent layer (K. Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014)
reads what the trunk of the network understood, picture after picture, and learns what each action is worth. The trunk
stays what it is. Its word counts for a share, the shipped policy's own for the rest. It may be told how its wheels
stood, too; of a clip nobody can tell it that, but by telling the answer. FOOTAGE: a folder of tubs, on which all of
them are measured. Needs TensorFlow. Makes the figures of a part of docs/sim2real.md.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from car.wheel import PRETRAINED_REAL
from errors import UserError
from models.arc import same_arc
from models.contract import Contract
from models.decision import Decisions, decide
from models.folder import FLOAT, MANIFEST
from models.footage import score_clip, steer_through
from models.manifest import Manifest
from models.observation import FrameStack, shrink
from models.runtime import interpreter_module
from scripts.pages import here_and_now, put_into
from scripts.sim2real import metres_each
from settings import PROJECT
from sim_bridge.distributions import TABLES
from sim_bridge.pursuit import pure_pursuit
from sim_bridge.rollout import LEFT, SCALE, middle_car, rolled_out_values
from sim_bridge.simulator import Simulator
from storage.tub import Tub, find_tubs
from trainer.evaluation import TrackResult, drive_tracks, summarise

PAGE, BEGIN, END = PROJECT / "docs" / "sim2real.md", "<!-- known -->", "<!-- known: end -->"
TABLE = TABLES["real"]
ROUNDS, ROUND, STEPS = 120, 48, 120  # of so many worlds at once, each for 6 s
ASKED = 10  # one of so many rounds is not learnt from: there it is asked how well the layers read
DRIVER_SHARE, MOST_ERROR = 0.4, 0.5  # of the worlds are driven by pursuit that errs; standard deviation of its steering
RESCUE, RESCUE_STEPS = 1.2, 15  # half widths out, where pursuit takes over, and for how long
UNITS, HIDDEN = 96, 128  # of the memory, and of the layer that reads it
UNTOLD = 0.25  # of the drives that are learnt from, by who is told how his wheels stood: there he is not, as on clips
BATCH, UPDATES, LEARNING_RATE = 32, 3000, 1e-3
SEED, WORLDS, CARS = 0, 200, 25  # to drive in, and how many cars at once in a process

Weights = list[np.ndarray]  # of the recurrent layer, the one that reads it, and the last


class Row(NamedTuple):
    """share: of the new layers' word; remembers: whether they know more than this moment; told: and how the wheels
    stood in it; middle, lock: of the car's steering, whether they are known."""

    share: float = 0.0
    remembers: bool = True
    told: bool = False
    middle: bool = False
    lock: bool = False


ROWS = {
    "the shipped policy": Row(),
    "who knows where straight ahead is": Row(middle=True),
    "and how far his wheels turn": Row(middle=True, lock=True),
    "new last layers, no memory": Row(1.0, remembers=False),
    "who remembers": Row(1.0),
    "who remembers a little": Row(0.4),
    "who remembers a little and knows straight ahead": Row(0.4, middle=True),
    "and how far his wheels turn as well": Row(0.4, middle=True, lock=True),
    "who remembers and is told how his wheels stood": Row(1.0, told=True),
    "and knows his steering": Row(1.0, told=True, middle=True, lock=True),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("footage", type=Path)
    options.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {ROUND} worlds each, to learn from")
    options.add_argument("--updates", type=int, default=UPDATES)
    options.add_argument("--worlds", type=int, default=WORLDS, help="to drive in")
    chosen = options.parse_args()
    if chosen.rounds < 2 or chosen.updates < 1 or chosen.worlds < CARS:
        options.error(f"it takes at least 2 rounds, 1 update and {CARS} worlds")
    try:
        tubs = find_tubs(chosen.footage)
    except UserError as error:
        options.error(str(error))
    when = here_and_now()
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        gathered = list(pool.map(gather, range(chosen.rounds)))
        learnt = {}
        for who, kind in {"without a memory": (False, False), "with one": (True, False), "told": (True, True)}.items():
            remembers, told = kind
            learnt[kind], loss = learn(gathered, chosen.updates, remembers=remembers, told=told)
            print(f"{who}: loss {loss:.3f} on worlds never seen", flush=True)
        rows = [
            f"{chosen.rounds * ROUND} worlds to learn from, {chosen.updates} updates; {chosen.worlds} others to drive "
            f"in, one lap; {when}.",
            "",
            "| who | finished | metres for each time off the road | clips, mean |",
            "|---|---|---|---|",
        ]
        for name, row in ROWS.items():
            weights = learnt[row.remembers, row.told] if row.share else None
            batches = pool.map(partial(_drive, row, weights), range(0, chosen.worlds, CARS))
            driven = [one for batch in batches for one in batch]
            score = np.mean(list(pool.map(partial(_score, row, weights), tubs)))
            finished = f"{summarise(driven).finished} of {len(driven)}"
            rows.append(f"| {name} | {finished} | {metres_each(driven)} | {score:.2f} |")
            print(rows[-1], flush=True)
    if (chosen.rounds, chosen.updates, chosen.worlds) == (ROUNDS, UPDATES, WORLDS):  # else it is not the page's
        put_into(PAGE, BEGIN, END, "\n".join(rows))


def shipped_contract() -> Contract:
    """Without the runtime, which does not load where TensorFlow is."""
    return Manifest.model_validate_json((PRETRAINED_REAL / MANIFEST).read_bytes()).contract


class Moments(NamedTuple):
    """Of ROUND worlds, STEPS steps each. understood: float16 (ROUND, STEPS, features); goals: the advantages, float32
    (ROUND, STEPS, actions); counts: bool (ROUND, STEPS), whether the car has been near its road until then; held:
    float32 (ROUND, STEPS), the steering that it was told last."""

    understood: np.ndarray
    goals: np.ndarray
    counts: np.ndarray
    held: np.ndarray


class Trunk:
    """The shipped network in float32: what it understands of a picture, and what it makes of that."""

    def __init__(self) -> None:
        file = (PRETRAINED_REAL / FLOAT).read_bytes()
        self._interpreter = interpreter_module().Interpreter(
            model_content=file, num_threads=1, experimental_preserve_all_tensors=True
        )
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        *_, last = (one for one in self._interpreter._get_ops_details() if one["op_name"] == "CONV_2D")
        self._understood = last["inputs"][0]

    def __call__(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 (size, size, stack) -> float32 (features,), and the advantages, float32 (actions,)."""
        self._interpreter.set_tensor(self._input, observation[None].astype(np.float32) / 255)
        self._interpreter.invoke()
        understood = self._interpreter.get_tensor(self._understood)
        return understood.ravel(), self._interpreter.get_tensor(self._output)[0]


class Mind:
    """What one car's driver thinks, picture after picture. weights: of what was learnt; None for the policy alone."""

    def __init__(self, trunk: Trunk, weights: Weights | None, share: float, *, remembers: bool) -> None:
        self._trunk, self._weights, self._share, self._remembers = trunk, weights, share, remembers
        self._memory = np.zeros(UNITS, np.float32)

    def advantages(self, observation: np.ndarray, held: float | None = None) -> np.ndarray:
        """uint8 (size, size, stack) -> float32 (actions,). held: how the wheels stand; None where nobody tells."""
        understood, own = self._trunk(observation)
        if self._weights is None:
            return own
        *recurrent, kernel, bias, last, last_bias, basis = self._weights
        if (observation == observation[..., :1]).all():  # a drive begins: the first picture fills the stack
            self._memory = np.zeros_like(self._memory)
        if self._remembers:
            told = np.concatenate([understood, _told(held)])
            self._memory = remembered(told, self._memory, recurrent)
        read = np.maximum(np.concatenate([understood, self._memory]) @ kernel + bias, 0)
        return own + self._share * ((read @ last + last_bias) @ basis - own)


def _told(held: np.ndarray | float | None) -> np.ndarray:
    """float32 (..., 2): how the wheels stand, and that it is known; or nothing, and that it is not."""
    if held is None:
        return np.zeros(2, np.float32)
    return np.stack([held, np.ones_like(held)], axis=-1).astype(np.float32)


def remembered(told: np.ndarray, memory: np.ndarray, recurrent: Weights) -> np.ndarray:
    """The memory after one more picture, float32 (UNITS,). told: float32 (features + 2,), what was understood of it,
    and how the wheels stood. recurrent: kernel, recurrent kernel and biases of a keras.layers.GRU, whose gates are, in
    this order, what is kept, what is looked at, what is new."""
    kernel, of_memory, bias = recurrent
    seen, known = told @ kernel + bias[0], memory @ of_memory + bias[1]
    kept, looked_at = (1 / (1 + np.exp(-seen[gate] - known[gate])) for gate in (slice(UNITS), slice(UNITS, 2 * UNITS)))
    new = np.tanh(seen[2 * UNITS :] + looked_at * known[2 * UNITS :])
    return kept * memory + (1 - kept) * new


def gather(number: int) -> Moments:
    """In a process of its own: the worlds of that round."""
    cv2.setNumThreads(1)
    trunk, contract = Trunk(), shipped_contract()
    rng, spec = np.random.default_rng((SEED, number)), contract.observation
    simulator, stacks = Simulator(ROUND, TABLE, (SEED, number), spec), [FrameStack(spec) for _ in range(ROUND)]
    by_driver, errs = rng.uniform(size=ROUND) < DRIVER_SHARE, rng.uniform(0, MOST_ERROR, ROUND)
    error, rescue_left, near = np.zeros(ROUND), np.zeros(ROUND, int), np.ones(ROUND, bool)
    understood, goals, counts, held = [], [], [], []
    for _ in range(STEPS):
        seen = [trunk(stack.push(shrink(simulator.road(car), spec))) for car, stack in enumerate(stacks)]
        features, advantages = (np.stack(part) for part in zip(*seen, strict=True))
        values = SCALE * rolled_out_values(simulator, contract.actions, middle_car(TABLE))
        understood.append(features.astype(np.float16))
        goals.append(values - values.mean(axis=1, keepdims=True))
        counts.append(near.copy())
        held.append(simulator.bicycles.commanded_steering.astype(np.float32))
        decided = decide(advantages, contract.actions, simulator.bicycles.commanded_steering)
        error = 0.85 * error + 0.53 * errs * rng.standard_normal(ROUND)  # lasts a third of a second
        pursued = pure_pursuit(simulator, 0.6)
        steering = np.where(by_driver, pursued + error, decided.steering)
        state = simulator.step(np.where(rescue_left > 0, pursued, steering), decided.throttle)
        astray = np.abs(state.offset_m) / state.half_width_m
        rescue_left = np.where(astray > RESCUE, RESCUE_STEPS, rescue_left - 1)
        near &= astray < LEFT
    return Moments(*(np.stack(part, axis=1) for part in (understood, goals, counts, held)))


def learn(gathered: list[Moments], updates: int, *, remembers: bool, told: bool) -> tuple[Weights, float]:
    """New layers on top of what was understood, and their Huber loss on the rounds that were not learnt from, where who
    is told how his wheels stood always is."""
    import keras  # noqa: PLC0415, the processes that gather and drive must be without TensorFlow
    import tensorflow as tf  # noqa: PLC0415

    from trainer.network import advantage_basis  # noqa: PLC0415

    keras.utils.set_random_seed(SEED)
    count = max(1, len(gathered) // ASKED)
    asked, own = gathered[:count], gathered[count:]
    basis = advantage_basis(shipped_contract().actions)
    understood, wheels = keras.Input((STEPS, gathered[0].understood.shape[-1])), keras.Input((STEPS, 2))
    memory = keras.layers.GRU(UNITS, return_sequences=True)
    seen = keras.layers.Concatenate()([understood, wheels])
    known = memory(seen) if remembers else keras.ops.zeros_like(understood[..., :UNITS])
    read = keras.layers.Dense(HIDDEN, activation="relu")
    last = keras.layers.Dense(len(basis))
    network = keras.Model([understood, wheels], last(read(keras.layers.Concatenate()([understood, known]))))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, updates))
    rng = np.random.default_rng(SEED)

    def loss_of(features: tf.Tensor, goals: tf.Tensor, counts: tf.Tensor, wheels: tf.Tensor) -> tf.Tensor:
        off = keras.losses.huber(goals, network([features, wheels]) @ basis)
        return tf.reduce_sum(off * counts) / tf.reduce_sum(counts)

    @tf.function
    def update(*moments: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(*moments)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, network.trainable_variables), 1.0)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))

    for _ in range(updates):
        worlds = [(rng.integers(len(own)), rng.integers(ROUND)) for _ in range(BATCH)]
        drives = Moments(
            *(np.stack([own[one][part][car] for one, car in worlds]) for part in range(len(Moments._fields)))
        )
        update(*taught(drives, told * (rng.uniform(size=BATCH) >= UNTOLD)))
    losses = [float(loss_of(*taught(one, np.full(ROUND, told)))) for one in asked]
    recurrent = memory.get_weights() if remembers else []
    return [*recurrent, *read.get_weights(), *last.get_weights(), basis], float(np.mean(losses))


def taught(moments: Moments, told: np.ndarray) -> tuple[np.ndarray, ...]:
    """What is learnt from, all float32: what was understood, the goals, whether they count, and how the wheels stood,
    (drives, STEPS, 2), in those drives in which that is told, bool (drives,)."""
    wheels = _told(moments.held) * told[:, None, None]
    return *(part.astype(np.float32) for part in moments[:3]), wheels.astype(np.float32)


def _drive(row: Row, weights: Weights | None, first: int) -> list[TrackResult]:
    """In a process of its own: what becomes of CARS cars, the first of that number."""
    cv2.setNumThreads(1)
    trunk, contract = Trunk(), shipped_contract()
    minds = [Mind(trunk, weights, row.share, remembers=row.remembers) for _ in range(CARS)]

    def choose(observations: np.ndarray, cars: np.ndarray, simulator: Simulator) -> Decisions:
        held = simulator.bicycles.commanded_steering[cars]
        shown = zip(cars, observations, held if row.told else [None] * len(cars), strict=True)
        decided = decide(
            np.stack([minds[car].advantages(one, known) for car, one, known in shown]), contract.actions, held
        )
        return replace(decided, steering=own_command(row, decided.steering, simulator, cars))

    return drive_tracks(choose, contract, CARS, 1, SEED, table=TABLE, first_track=first)


def own_command(row: Row, steering: np.ndarray, simulator: Simulator, cars: np.ndarray) -> np.ndarray:
    """What makes these cars, int (k,), turn as the one in the middle of the table would by this steering, (k,), as far
    as it is known what does."""
    if row.lock:
        bicycles = simulator.bicycles
        steering = same_arc(steering, middle_car(TABLE), bicycles.wheelbase_m[cars], *bicycles.locks_rad[:, cars])
    if row.middle:
        steering = steering - [simulator.worlds[car].scene.steering_trim for car in cars]
    return np.clip(steering, -1, 1)


class InTurn:
    """A policy as steer_through takes it, which shows it each picture and then its mirror image: a mind for each."""

    def __init__(self, *minds: Mind) -> None:
        self._minds = cycle(minds)

    def advantages(self, observation: np.ndarray) -> np.ndarray:
        """As a Mind's."""
        return next(self._minds).advantages(observation)


def _score(row: Row, weights: Weights | None, tub: Path) -> float:
    """In a process of its own: how alike the human of that clip steers."""
    trunk = Trunk()
    minds = (Mind(trunk, weights, row.share, remembers=row.remembers) for _ in range(2))
    return score_clip(steer_through(InTurn(*minds), shipped_contract(), Tub(tub))).score.score


if __name__ == "__main__":
    main()
