"""Makes the table of docs/data.md: `.venv/bin/python -m scripts.offline`, some hours.

From nothing: trains a network until it finishes 40 to 60 % of the tracks, records what its cars live through, learns
from those recordings alone in each way and with several seeds, and measures the exported models. What is in --folder
already is not made again, so a run that was ended goes on.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import trainer.quiet_tensorflow  # noqa: F401, before all that imports TensorFlow
from models.contract import Contract
from scripts.typed import manage
from settings import PROJECT
from sim_bridge import make_vector_env
from sim_bridge.distributions import EVALUATION, TABLES
from sim_bridge.rounds import machine
from storage.files import write_file
from storage.folder import FolderPlace
from storage.simcache import Transitions
from trainer.ddqn import DoubleDQN, train
from trainer.env_recorder import EnvRecorder
from trainer.evaluation import drive_tracks, greedy, summarise
from trainer.hyperparameters import Hyperparameters
from trainer.learner import Learner
from trainer.places import decode_weights, encode_weights
from trainer.progress import Progress
from trainer.sitting import Sitting

BEGIN, END = "<!-- measured -->", "<!-- measured: end -->"
METHODS = {"cloning": "behaviour cloning", "ddqn": "plain double DQN", "cql": "double DQN, conservative (CQL)"}
DRIVER = Hyperparameters(seed=100, evaluate_every_s=4.0)  # no seed of those that learn from it
LONGEST = 200_000  # frames of its training
NEAR = 0.1  # how far a share of 50 tracks may be from that of the tracks that are reported
SIZE = 300  # transitions in a file
LAPS, SEED = 1, 0  # of the tracks that are reported


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=PROJECT / "runs" / "offline")
    parser.add_argument("--minutes", type=float, default=5.0, help="of each training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--transitions", type=int, default=20_000)
    parser.add_argument("--epsilon", type=float, default=0.05, help="share of random actions while recording")
    parser.add_argument(
        "--share", type=float, nargs=2, default=(0.4, 0.6), help="of the tracks that the driver finishes"
    )
    parser.add_argument("--tracks", type=int, default=200)
    parser.add_argument("--page", type=Path, default=PROJECT / "docs" / "data.md")
    chosen = parser.parse_args()
    driver = _driver(chosen.folder / "driver.npz", chosen.share, chosen.tracks)
    recordings = chosen.folder / "simcache"
    if not recordings.exists():
        _record(driver, recordings, chosen.transitions, chosen.epsilon)
    table = _table(chosen, _finished(driver, chosen.tracks))
    page = chosen.page.read_text()
    before, after = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END) :]
    write_file(chosen.page, f"{before}\n{table}\n{after}".encode())
    print(table)


def _driver(path: Path, share: tuple[float, float], tracks: int) -> DoubleDQN:
    """A network on its way: it finishes such a share of the tracks."""
    found: list[bytes] = []

    def evaluated(learner: Learner, progress: Progress) -> None:
        print(f"{progress.elapsed_s:.0f} s: finished {progress.evaluation.finished} of {progress.evaluation.tracks}")
        if share[0] - NEAR <= progress.evaluation.finished_share <= share[1] + NEAR:
            finished = _finished(learner, tracks)
            print(f"    and {finished} of the {tracks} that are reported")
            if share[0] * tracks <= finished <= share[1] * tracks:
                found.append(encode_weights(learner.online.get_weights()))

    if not path.exists():
        train(Sitting(Contract(), DRIVER, None, LONGEST, lambda progress: None, evaluated, lambda: bool(found)))
        if not found:
            sys.exit(
                f"no evaluation in {LONGEST} frames was of {share[0]:.0%} to {share[1]:.0%}; try another DRIVER seed"
            )
        write_file(path, found[0])
    learner = DoubleDQN(Contract(), DRIVER)
    learner.start_from(decode_weights(path.read_bytes(), str(path)))
    return learner


def _record(driver: DoubleDQN, folder: Path, count: int, epsilon: float) -> None:
    """What its cars live through in the worlds of training, in files of SIZE, `count` transitions in all."""
    place, rng, files = FolderPlace(folder), np.random.default_rng(DRIVER.seed), list[Transitions]()
    recorder = EnvRecorder(
        Contract(), DRIVER.envs, SIZE, files.append, source="scripts/offline.py", rewards=DRIVER.reward
    )
    env = make_vector_env(DRIVER.envs, table=TABLES[DRIVER.table], reward=DRIVER.reward, max_steps=DRIVER.episode_steps)
    observation, _ = env.reset(seed=DRIVER.seed + 1)
    recorder.begin(observation)
    while recorder.added < count:
        action = driver.advantages(observation).argmax(axis=1)
        action = np.where(rng.uniform(size=len(action)) < epsilon, rng.integers(0, 7, len(action)), action)
        observation, *outcome, infos = env.step(action)
        recorder.add(action, *outcome, observation, infos)
    recorder.close()
    for transitions in files:
        place.write(*transitions.encode())


def _finished(learner: Learner, tracks: int) -> int:
    """Of the tracks that are reported, in float32."""
    padded = np.zeros((tracks, *learner.contract.observation.shape), np.uint8)

    def advantages(observations: np.ndarray, cars: np.ndarray) -> np.ndarray:
        padded[cars] = observations  # one shape: compiled once
        return learner.advantages(padded)[cars]

    choose = greedy(advantages, learner.contract)
    return summarise(drive_tracks(choose, learner.contract, tracks, LAPS, SEED, table=EVALUATION)).finished


def _table(chosen: argparse.Namespace, by_driver: int) -> str:
    seeds = range(chosen.seeds)
    rows = [
        f"{chosen.transitions:,} transitions of a network that finishes {by_driver} of {chosen.tracks} tracks "
        f"({by_driver / chosen.tracks:.0%}), {chosen.epsilon:.0%} of its actions at random; "
        f"{chosen.minutes:g} minutes of learning each; int8, {LAPS} lap on each track, none of them trained on, none "
        f"that chose a checkpoint. {datetime.now(UTC):%d %B %Y}: {machine({0})}.",
        "",
        "| `--offline` | " + " | ".join(f"seed {seed}" for seed in seeds) + " | mean |",
        "|---" * (len(seeds) + 2) + "|",
    ]
    for method, words in METHODS.items():
        shares = [_measured(chosen, method, seed) / chosen.tracks for seed in seeds]
        cells = [f"`{method}`: {words}", *(f"{share:.1%}" for share in shares), f"**{np.mean(shares):.1%}**"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _measured(chosen: argparse.Namespace, method: str, seed: int) -> int:
    """Tracks that the model of one such training finishes. Each is a program of its own: what is typed is measured."""
    runs, name = chosen.folder / "runs", f"{method}-{seed}"
    if not (runs / name / "model").exists():
        manage(
            "train", "--simcache", chosen.folder / "simcache", "--offline", method, "--seed", seed,
            "--minutes", chosen.minutes, "--runs", runs, "--name", name,
        )  # fmt: skip
    told = manage(
        "evaluate", "--model", runs / name, "--tracks", chosen.tracks, "--laps", LAPS, "--seed", SEED, "--json",
        "--drives", chosen.folder / "drives",
    )  # fmt: skip
    finished = json.loads(told)["int8"]["finished"]
    print(f"{name}: {finished} of {chosen.tracks}", flush=True)
    return finished


if __name__ == "__main__":
    main()
