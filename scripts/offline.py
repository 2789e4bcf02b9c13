"""Makes the table of docs/data.md: `.venv/bin/python -m scripts.offline`, an hour or two.

From nothing: trains a network until it finishes 40 to 60 % of the tracks, records what its cars live through, learns
from those recordings alone in each way and with several seeds, and measures the exported models. What is in --folder
already is not made again, so a run that was ended goes on.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import trainer.quiet_tensorflow  # noqa: F401, before all that imports TensorFlow
from models.contract import ActionTable, Contract
from scripts.pages import here_and_now, put_into
from scripts.typed import finished, manage
from settings import PROJECT
from sim_bridge import make_vector_env
from sim_bridge.distributions import EVALUATION, TABLES
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
TEMPERATURES = (0.2, 0.6, 1.0)  # of the driver, were it decoded as those are that learn from it


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
    table = _table(chosen, driver)
    put_into(chosen.page, BEGIN, END, table)
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


def _finished(learner: Learner, tracks: int, actions: ActionTable | None = None) -> int:
    """Of the tracks that are reported, in float32, by the learner's own actions or by others that are decoded."""
    padded = np.zeros((tracks, *learner.contract.observation.shape), np.uint8)

    def advantages(observations: np.ndarray, cars: np.ndarray) -> np.ndarray:
        padded[cars] = observations  # one shape: compiled once
        return learner.advantages(padded)[cars]

    contract = Contract(actions=actions) if actions else learner.contract
    choose = greedy(advantages, contract)
    return summarise(drive_tracks(choose, contract, tracks, LAPS, SEED, table=EVALUATION)).finished


def _table(chosen: argparse.Namespace, driver: DoubleDQN) -> str:
    seeds = range(chosen.seeds)
    by_driver = _finished(driver, chosen.tracks)
    by_mean = {
        temperature: _finished(driver, chosen.tracks, ActionTable(decoding="expectation", temperature=temperature))
        for temperature in TEMPERATURES
    }
    rows = [
        f"{chosen.transitions:,} transitions of a network that finishes {by_driver} of {chosen.tracks} tracks "
        f"({by_driver / chosen.tracks:.0%}; decoded by `expectation`, as what learns from it is, "
        + ", ".join(f"{count} at a temperature of {temperature:g}" for temperature, count in by_mean.items())
        + f"), {chosen.epsilon:.0%} of its actions at random; "
        f"{chosen.minutes:g} minutes of learning each; int8, {LAPS} lap on each track, none of them trained on, none "
        f"that chose a checkpoint. {here_and_now()}.",
        "",
        "| `--offline` | " + " | ".join(f"seed {seed}" for seed in seeds) + " | mean |",
        "|---" * (len(seeds) + 2) + "|",
    ]
    for method, words in METHODS.items():
        shares = [_share(chosen, method, seed) for seed in seeds]
        cells = [f"`{method}`: {words}", *(f"{share:.1%}" for share in shares), f"**{np.mean(shares):.1%}**"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _share(chosen: argparse.Namespace, method: str, seed: int) -> float:
    """Of the tracks, which the model of one such training finishes. Each is a program of its own: what is typed is
    measured."""
    runs, name = chosen.folder / "runs", f"{method}-{seed}"
    if not (runs / name / "model").exists():
        manage(
            "train", "--simcache", chosen.folder / "simcache", "--offline", method, "--seed", seed,
            "--minutes", chosen.minutes, "--runs", runs, "--name", name,
        )  # fmt: skip
    return (
        finished(runs / name, runs / f"{name}-{chosen.tracks}-tracks.json", chosen.tracks, LAPS, SEED) / chosen.tracks
    )


if __name__ == "__main__":
    main()
