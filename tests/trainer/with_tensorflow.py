"""The learner, the network and what a run writes. Run by test_with_tensorflow.py in a process of its own,
or by naming this file."""

import io
import resource
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from errors import UserError
from models.contract import ActionTable, Contract
from scripts.knowing import UNITS, remembered
from scripts.reading import read
from sim_bridge.rollout import SCALE
from storage.files import StorageError
from storage.npz import pack
from trainer.checkpoint import CheckpointError, load_best, load_checkpoint, save_best, save_checkpoint
from trainer.cloning import Cloning
from trainer.ddqn import DoubleDQN
from trainer.evaluation import Summary
from trainer.export import advantage_network
from trainer.hyperparameters import Hyperparameters
from trainer.int8 import equalise, int8_network, round_with_feedback, shift_bias
from trainer.muon import STEP, Muon, orthogonal
from trainer.network import DEGREE, TRUNKS, advantage_basis, q_network
from trainer.places import Places, decode_weights, encode_weights
from trainer.practice import CELLS, FACT_SCALE, FACTS, UNKNOWN, Lesson
from trainer.presets import load_preset
from trainer.progress import Progress
from trainer.replay import Batch
from trainer.rolled_out import Regression
from trainer.run_settings import Budget, command_of, contract_for
from trainer.tensorboard import TensorBoard

CONTRACT = Contract()
SHAPE = CONTRACT.observation.shape


def random_batch(size: int, seed: int = 0, **fixed: np.ndarray) -> Batch:
    rng = np.random.default_rng(seed)
    fields = {
        "observation": rng.integers(0, 256, (size, *SHAPE), dtype=np.uint8),
        "action": rng.integers(0, 7, size).astype(np.int32),
        "reward": rng.uniform(size=size).astype(np.float32),
        "discount": np.full(size, 0.9, np.float32),
        "next_observation": rng.integers(0, 256, (size, *SHAPE), dtype=np.uint8),
    }
    return Batch(**(fields | fixed))


def lesson(observation: np.ndarray, values: np.ndarray, facts: np.ndarray) -> Lesson:
    """Of pictures that show no floor."""
    road = np.full((len(observation), CELLS, CELLS), UNKNOWN, np.int8)
    return Lesson(observation, values.astype(np.float32), facts.astype(np.float32), road)


def q_values(network, observation: np.ndarray) -> np.ndarray:
    value, advantage = (part.numpy() for part in network(observation.astype(np.float32) / 255))
    return value + advantage


def test_the_goal_is_that_of_double_dqn_and_advantage_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of the compiled update against the formula written out: online chooses, target values."""
    learner = DoubleDQN(CONTRACT, Hyperparameters(seed=1, gap=0.6))
    rng = np.random.default_rng(1)
    for variable in learner.target.trainable_variables:  # else online and target agree and the test could not tell
        variable.assign_add(0.02 * rng.standard_normal(variable.shape))
    batch = random_batch(32, discount=np.where(np.arange(32) % 2, 0.0, 0.9).astype(np.float32))
    monkeypatch.setattr(batch, "mirror", lambda *_: None)
    rows = np.arange(32)
    best = q_values(learner.online, batch.next_observation).argmax(axis=1)
    goal = batch.reward + batch.discount * q_values(learner.target, batch.next_observation)[rows, best]
    standing = q_values(learner.online, batch.observation)
    goal -= 0.6 * (standing.max(axis=1) - standing[rows, batch.action])
    error = np.abs(goal - q_values(learner.online, batch.observation)[rows, batch.action])
    huber = np.where(error <= 1, error**2 / 2, error - 0.5).mean()
    assert (best != q_values(learner.target, batch.next_observation).argmax(axis=1)).any()
    loss, _ = learner.learn(batch, 1e-4)
    assert loss == pytest.approx(huber, rel=1e-4)


def test_the_target_follows_slowly() -> None:
    settings = Hyperparameters(target_tau=0.25)
    learner = DoubleDQN(CONTRACT, settings)
    before = [weight.copy() for weight in learner.target.get_weights()]
    learner.learn(random_batch(16), 1e-3)
    for old, new, online in zip(before, learner.target.get_weights(), learner.online.get_weights(), strict=True):
        np.testing.assert_allclose(new, old + 0.25 * (online - old), atol=1e-6)


def test_learning_finds_the_action_that_pays() -> None:
    """A bandit: white pictures want action 0 or its mirror 6, black ones 3; nothing follows."""
    learner = DoubleDQN(CONTRACT, Hyperparameters(seed=2))
    rng = np.random.default_rng(2)
    for _ in range(150):
        white = rng.uniform(size=64) < 0.5
        pictures = np.where(white[:, None, None, None], 255, 0).astype(np.uint8) * np.ones(SHAPE, np.uint8)
        action = rng.integers(0, 7, 64).astype(np.int32)
        reward = np.where(white, np.isin(action, (0, 6)), action == 3).astype(np.float32)
        learner.learn(
            random_batch(64, observation=pictures, action=action, reward=reward, discount=np.zeros(64, np.float32)),
            1e-3,
        )
    white, black = np.full((1, *SHAPE), 255, np.uint8), np.zeros((1, *SHAPE), np.uint8)
    assert learner.advantages(white).argmax() in (0, 6)
    assert learner.advantages(black).argmax() == 3


def test_the_conservative_term_is_added_and_keeps_down_what_nobody_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss against the formula written out; and after updates on one action alone, that one is the best."""
    settings = Hyperparameters(seed=1, gap=0.0)
    plain, careful = DoubleDQN(CONTRACT, settings), DoubleDQN(CONTRACT, settings, conservative=2.0)
    batch = random_batch(32, action=np.full(32, 2, np.int32), discount=np.zeros(32, np.float32))
    monkeypatch.setattr(batch, "mirror", lambda *_: None)
    values = q_values(plain.online, batch.observation)
    gap = np.log(np.exp(values).sum(axis=1)) - values[:, 2]
    losses = [learner.learn(batch, 1e-3)[0] for learner in (plain, careful)]
    assert losses[1] - losses[0] == pytest.approx(2.0 * gap.mean(), rel=1e-4)
    for learner in (plain, careful):
        for _ in range(40):
            learner.learn(batch, 1e-3)
    best = [(learner.advantages(batch.observation).argmax(axis=1) == 2).mean() for learner in (plain, careful)]
    assert best[1] == 1.0
    assert best[0] < 1.0


def test_cloning_learns_what_the_driver_does_and_how_often() -> None:
    """White pictures: full left in three of four cases, else a little less; the softmax of the advantages says so."""
    learner = Cloning(CONTRACT, Hyperparameters(seed=2))
    rng = np.random.default_rng(2)
    white = np.full(SHAPE, 255, np.uint8)
    white[:, :32] = 40  # the left half, so that the mirrored picture is another
    for _ in range(400):
        action = np.where(rng.uniform(size=64) < 0.75, 0, 1).astype(np.int32)
        _, agreement = learner.learn(random_batch(64, observation=np.repeat(white[None], 64, 0), action=action), 1e-3)
    assert 0.5 < agreement < 1
    advantages = learner.advantages(np.stack([white, white[:, ::-1]]))
    assert advantages.argmax(axis=1).tolist() == [0, 6]
    chances = np.exp(advantages[0] / CONTRACT.actions.temperature)
    chances /= chances.sum()
    assert chances[0] == pytest.approx(0.75, abs=0.12)
    assert chances[1] == pytest.approx(0.25, abs=0.12)


def test_a_learner_that_starts_from_weights_drives_as_they_do() -> None:
    teacher = DoubleDQN(CONTRACT, Hyperparameters(seed=1))
    weights = decode_weights(encode_weights(teacher.online.get_weights()), "it")
    other = DoubleDQN(CONTRACT, Hyperparameters(seed=2))
    other.start_from(weights)
    pictures = random_batch(8).observation
    np.testing.assert_allclose(other.advantages(pictures), teacher.advantages(pictures), atol=1e-6)
    for mine, theirs in zip(other.target.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(ValueError, match="shape"):
        other.start_from([weight[:1] for weight in weights])
    for broken in (b"", encode_weights(weights)[:-50], pack({"a": weights[0]})):
        with pytest.raises(UserError, match="x.npz holds no weights"):
            decode_weights(broken, "x.npz")


def test_regression_learns_the_returns_of_all_actions_and_the_facts() -> None:
    """White pictures: full left pays; black ones: straight on; and a fact that tells them apart."""
    contract = Contract(actions=ActionTable(decoding="expectation"))
    learner = Regression(contract, Hyperparameters(seed=3, network="large"))
    rng, steering, first = np.random.default_rng(3), np.array(contract.actions.steering), None
    seen = np.stack([np.full(SHAPE, grey, np.uint8) for grey in (0, 255)])
    seen[1, :, :32] = 40  # the left half, so that the mirrored picture is another
    for update in range(250):
        rate = 1e-3 * (1 - update / 250)  # at a steady rate all that is learnt trembles
        white = rng.uniform(size=32) < 0.5
        pictures = seen[white.astype(int)]
        values = np.where(white[:, None], -((steering + 1) ** 2), -(steering**2)) * 4
        facts = np.where(white[:, None], 1.0, 0.0) * np.ones(len(FACTS))
        loss, _ = learner.learn(lesson(pictures, values, facts), rate)
        first = first or loss
    assert loss < first / 10
    white = seen[1:]
    best = learner.advantages(np.concatenate([seen, seen[1:, :, ::-1]])).argmax(axis=1)
    assert best.tolist() == [3, 0, 6]
    np.testing.assert_allclose(learner.advantages(white).sum(axis=1), 0, atol=1e-3)
    state = learner.state()
    other = Regression(contract, Hyperparameters(seed=4, network="large"))
    other.restore(state)
    np.testing.assert_allclose(other.advantages(white), learner.advantages(white), atol=1e-5)


def test_a_switch_is_repeated_as_it_is_typed() -> None:
    budget = Budget(5, None)
    real = Hyperparameters(**load_preset("real") | {"vary": False})
    assert command_of(real, "real", budget, Places(), None).endswith(" --preset real --no-vary")
    assert command_of(Hyperparameters(vary=True), None, budget, Places(), None).endswith(" --minutes 5 --vary")


def test_rolled_out_steering_means_the_arcs_of_the_middle_car_or_of_the_one_it_is_for() -> None:
    real = Hyperparameters(**load_preset("real"))
    assert contract_for(real).actions.turns_rad_per_m == pytest.approx(np.tan(np.radians(26)) / 0.21)
    own = {"wheelbase_m": (0.2, 0.01), "full_lock_deg": (30.0, 0.5), "steering_uneven": (0.1, 0.02)}
    assert contract_for(real, own).actions.turns_rad_per_m == pytest.approx(np.tan(np.radians(30)) / 0.2)
    assert contract_for(Hyperparameters()) == Contract()  # what bootstrapping learns is of each car's own steering


@pytest.mark.parametrize("shape", [(64, 32), (16, 144), (96, 96)])
def test_an_orthogonal_matrix_keeps_its_directions_and_evens_their_strength(shape: tuple[int, int]) -> None:
    """Of strengths that differ a hundredfold; the directions are those of the singular value decomposition."""
    rng, least = np.random.default_rng(0), min(shape)
    left, _, right = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    matrix = (left * np.geomspace(1, 0.01, least)) @ right
    made = orthogonal(tf.constant(matrix, tf.float32)).numpy()
    strengths = left.T @ made @ right.T
    assert np.abs(strengths - np.diag(np.diag(strengths))).max() < 1e-3
    assert np.diag(strengths)[: least // 2].min() > 0.65
    assert np.diag(strengths).max() < 1.25


def test_muon_steps_matrices_and_leaves_all_else_to_adam() -> None:
    shapes = {"convolution": (3, 3, 16, 24), "dense": (40, 20), "head": (40, 6), "bias": (24,)}
    steps = {}
    for kind in (Muon, keras.optimizers.Adam):
        variables = [keras.Variable(np.zeros(shape, np.float32)) for shape in shapes.values()]
        optimizer = kind(1e-3, epsilon=1.5e-4)
        for _ in range(3):
            gradients = [np.random.default_rng(2).standard_normal(shape) for shape in shapes.values()]
            optimizer.apply([tf.constant(gradient, tf.float32) for gradient in gradients], variables)
        steps[kind] = dict(zip(shapes, (variable.numpy() for variable in variables), strict=True))
    for name in ("head", "bias"):
        np.testing.assert_array_equal(steps[Muon][name], steps[keras.optimizers.Adam][name])
    gradient = np.random.default_rng(2).standard_normal(shapes["convolution"]).reshape(-1, 24)
    left, _, right = np.linalg.svd(gradient, full_matrices=False)
    strengths = np.diag(left.T @ steps[Muon]["convolution"].reshape(-1, 24) @ right.T)
    np.testing.assert_allclose(strengths, -3 * STEP * 1e-3, rtol=0.35)  # three steps of the same gradient


def test_what_is_learnt_from_is_moved_and_lit_where_that_is_asked_for() -> None:
    """A picture that is the same in a mirror, so that only `vary` can change it."""
    picture = np.full((8, *CONTRACT.observation.shape), 90, np.uint8)
    picture[:, 20:, 24:40] = 200
    values = np.zeros((8, len(CONTRACT.actions)), np.float32)
    for varied in (False, True):
        one = lesson(picture.copy(), values.copy(), np.zeros((8, len(FACTS))))
        Regression(CONTRACT, Hyperparameters(seed=3, vary=varied)).learn(one, 1e-3)
        same = (one.observation == picture).all(axis=(1, 2, 3))
        assert not same.any() if varied else same.all()


@pytest.mark.parametrize("throttle", [(0.2,), (0.1, 0.15, 0.2)])
def test_the_advantages_basis_is_smooth_centred_and_mirrors(throttle: tuple[float, ...]) -> None:
    actions = ActionTable(throttle=throttle)
    basis = advantage_basis(actions)
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-5)
    np.testing.assert_allclose(basis.sum(axis=1), 0, atol=1e-5)
    assert len(basis) == (DEGREE + 1) * len(throttle) - 1
    # Any polynomial of the steering up to the degree can be said, for one throttle level alone too; others cannot.
    steering, level = np.array([actions.decode(action) for action in range(len(actions))]).T
    for power in range(1, DEGREE + 1):
        wanted = np.where(level == throttle[0], steering**power, 0.0)
        wanted -= wanted.mean()
        np.testing.assert_allclose(wanted @ basis.T @ basis, wanted, atol=1e-5)
    spike = np.where((steering == 0) & (level == throttle[0]), 1.0, 0.0) - 1 / len(actions)
    assert np.abs(spike @ basis.T @ basis - spike).max() > 0.1


def test_the_exported_network_gives_the_advantages_exactly() -> None:
    network = q_network(CONTRACT)
    network.get_layer("coefficients").bias.assign([1.0, -2.0, 0.5][:DEGREE])
    pictures = np.random.default_rng(0).uniform(size=(5, *SHAPE)).astype(np.float32)
    _, expected = (part.numpy() for part in network(pictures))
    exported = advantage_network(network, CONTRACT)
    got = np.concatenate([exported(picture[None]).numpy() for picture in pictures])
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(got.sum(axis=1), 0, atol=1e-4)
    shift_bias(exported, np.arange(7.0))
    shifted = np.concatenate([exported(picture[None]).numpy() for picture in pictures])
    np.testing.assert_allclose(shifted, expected - np.arange(7.0), atol=1e-5)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_no_network_has_more_products_than_are_allowed(trunk: str) -> None:
    """20 million; and what trainer/network.py says of each is so."""
    stated = {"small": 0.7e6, "large": 6.7e6, "larger": 15.3e6}[trunk]
    products = 0
    for layer in q_network(CONTRACT, TRUNKS[trunk]).layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            rows_and_columns = layer.output.shape[1:-1]
            products += np.prod(layer.kernel.shape) * np.prod(rows_and_columns)
    assert products == pytest.approx(stated, rel=0.02)
    assert products < 20e6


@pytest.mark.parametrize("trunk", TRUNKS)
def test_normalisation_is_folded_into_what_is_exported(trunk: str) -> None:
    """Of a network that has learnt for a while, with statistics that are not those it began with."""
    learner = Regression(CONTRACT, Hyperparameters(network=trunk))
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (64, *SHAPE), dtype=np.uint8)
    for _ in range(60):
        values, facts = rng.uniform(0, 16, (64, 7)), rng.uniform(size=(64, len(FACTS)))
        learner.learn(lesson(pictures.copy(), values, facts), 1e-3)
    normalisation = learner.online.get_layer("dense_normalised")
    assert np.abs(normalisation.moving_mean).max() > 0.5
    exported = advantage_network(learner.online, CONTRACT)
    got = np.concatenate([exported(picture[None] / np.float32(255)) for picture in pictures[:8]])
    np.testing.assert_allclose(got, learner.advantages(pictures[:8]), atol=1e-4)
    assert got.std() > 0.05


def test_the_int8_network_keeps_the_order_of_the_best_advantages() -> None:
    """Its outputs are the advantages seen through a curve that rises from below the smallest best one to the top."""
    network = q_network(CONTRACT)
    network.get_layer("coefficients").set_weights(
        [np.random.default_rng(1).standard_normal((128, DEGREE)), np.array([1.0, -2.0, 0.5][:DEGREE])]
    )
    frames = np.random.default_rng(0).integers(0, 256, (40, *SHAPE), dtype=np.uint8)
    advantages = advantage_network(network, CONTRACT)
    ready = int8_network(advantages, frames, companded=True)
    wanted, got = (
        np.concatenate([made(frame[None].astype(np.float32) / 255).numpy() for frame in frames])
        for made in (advantages, ready)
    )
    lowest, knee, highest = np.quantile(wanted.max(axis=1), (0.005, 0.8, 0.995))
    lowest -= 0.1 * knee
    curve = np.interp(wanted, [lowest, knee, highest], [0, 0.7 * 6, 6])
    np.testing.assert_allclose(got, curve, atol=0.25)
    assert (got.max(axis=1) > 0).all()
    assert (got.argmax(axis=1) == wanted.argmax(axis=1)).mean() > 0.9


def test_equalising_changes_nothing_but_the_steps_of_int8() -> None:
    """The same advantages, and no channel below ReLU6's whole range on the frames."""
    keras.utils.set_random_seed(0)
    frames = np.random.default_rng(0).integers(0, 256, (20, *SHAPE), dtype=np.uint8)
    advantages = advantage_network(q_network(CONTRACT), CONTRACT)
    network = int8_network(advantages, frames, companded=True)  # has the layer `fold` between the trunk and the outputs
    network.set_weights([*advantages.get_weights()[:6], *network.get_weights()[6:]])

    def outputs(made: keras.Model) -> np.ndarray:
        return np.concatenate([made(frame[None].astype(np.float32) / 255).numpy() for frame in frames])

    def ranges(name: str) -> np.ndarray:
        return outputs(keras.Model(network.input, network.get_layer(name).output)).max(axis=(0, 1, 2))

    before, quiet = outputs(network), ranges("conv1")
    equalise(network, frames)
    np.testing.assert_allclose(outputs(network), before, atol=1e-4)
    assert quiet.max() < 3
    for name in ("conv1", "conv2", "dense"):
        reached = ranges(name)
        assert reached.max() == pytest.approx(6, rel=1e-4)
        assert np.median(reached) > 5.99


def test_rounding_with_feedback_stays_on_the_grid_and_spoils_less() -> None:
    rng = np.random.default_rng(0)
    # Features that go together, as a network's do: 40 inputs of 6 causes.
    features = (rng.uniform(size=(500, 6)) @ rng.uniform(size=(6, 40)) + 0.05 * rng.standard_normal((500, 40))).astype(
        np.float32
    )
    kernel = rng.standard_normal((40, 7)).astype(np.float32)
    step = np.abs(kernel).max(axis=0) / 127
    nearest = np.round(kernel / step) * step
    rounded = round_with_feedback(kernel, features)
    on_grid = rounded / step
    np.testing.assert_allclose(on_grid, np.round(on_grid), atol=1e-3)
    np.testing.assert_allclose(np.abs(on_grid).max(axis=0), 127, atol=1e-3)  # the converter finds the same scale
    error = np.abs(features @ (rounded - kernel)).mean()
    assert error < 0.5 * np.abs(features @ (nearest - kernel)).mean()


EVALUATION = Summary(4, 3, 1, 0.05, 0.3, None, [])


def test_a_checkpoint_goes_on_exactly(tmp_path: Path) -> None:
    """Another learner, made anew and restored, does the same next update: networks and the optimiser's moments."""
    learner = DoubleDQN(CONTRACT, Hyperparameters(seed=1))
    for seed in range(3):
        learner.learn(random_batch(16, seed), 1e-3)
    progress = Progress(elapsed_s=7.5, frames=160, updates=3, recent=[(2.5, 40)])
    save_checkpoint(tmp_path, learner, progress)
    state, found = load_checkpoint(tmp_path)
    assert (found.elapsed_s, found.resumed_s, found.frames, found.updates) == (7.5, 7.5, 160, 3)
    np.testing.assert_array_equal(found.recent, progress.recent)
    other = DoubleDQN(CONTRACT, Hyperparameters(seed=2))
    other.restore(state)
    for one in (learner, other):
        one._rng = np.random.default_rng(0)
        one.learn(random_batch(16, 9), 1e-3)
    for name, value in learner.state().items():
        np.testing.assert_allclose(other.state()[name], value, atol=1e-7, err_msg=name)
    with pytest.raises((KeyError, ValueError)):
        other.restore(state | {"online.0": np.zeros(3)})


def test_the_best_network_is_kept_with_its_evaluation(tmp_path: Path) -> None:
    network, other = q_network(CONTRACT), q_network(CONTRACT)
    with pytest.raises(CheckpointError, match="no weights.npz"):
        load_best(tmp_path, other)
    save_best(tmp_path, network, EVALUATION)
    assert load_best(tmp_path, other) == EVALUATION
    for expected, got in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)
    with pytest.raises(CheckpointError, match="another network"):
        load_best(tmp_path, q_network(CONTRACT.model_copy(update={"actions": ActionTable(throttle=(0.1, 0.2))})))


def written(folder: Path) -> dict[str, list[tuple[int, object]]]:
    """TensorBoard's files by TensorFlow's own reader: tag -> (step, value)s."""
    values: dict[str, list[tuple[int, object]]] = {}
    for file in sorted(folder.iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                content = value.image if value.HasField("image") else tf.make_ndarray(value.tensor)
                values.setdefault(value.tag, []).append((event.step, content))
    return values


def test_tensorboard_gets_curves_a_histogram_and_a_film(tmp_path: Path) -> None:
    learner = DoubleDQN(CONTRACT, Hyperparameters())
    progress = Progress(elapsed_s=2.0, frames=100, updates=10, loss=0.5, q=1.5, episode_return=3.0, epsilon=0.25)
    progress.actions = np.array([3, 0, 0, 5, 0, 0, 2])
    from_recordings = Progress(elapsed_s=1.0, frames=50, actions=progress.actions)
    with TensorBoard(tmp_path) as tensorboard:
        tensorboard(from_recordings)
        tensorboard(progress)
        progress.elapsed_s, progress.frames, progress.updates, progress.evaluation = 4.0, 200, 50, EVALUATION
        tensorboard.film(learner, progress)
        tensorboard(progress)
    values = written(tmp_path / "tensorboard")
    for tag, steps in (("loss", [50, 100, 200]), ("return", [100, 200]), ("epsilon", [100, 200])):
        assert [step for step, _ in values[f"training/{tag}"]] == steps
    last = {
        tag: float(series[-1][1]) for tag, series in values.items() if np.ndim(series[-1][1]) == 0 and "/d" not in tag
    }
    assert last == pytest.approx(
        {"training/return": 3.0, "training/loss": 0.5, "training/q": 1.5, "training/epsilon": 0.25,
         "training/updates_per_s": 20.0, "validation/finished_share": 0.75, "validation/mean_offset_m": 0.05}
    )  # fmt: skip
    _, histogram = values["training/actions"][0]  # rows of left edge, right edge, count
    assert histogram[:, 2].tolist() == progress.actions.tolist()
    ((step, image),) = values["validation/drive"]
    assert (step, image.width, image.height) == (200, 280, 120)
    with Image.open(io.BytesIO(image.encoded_image_string)) as gif:
        assert gif.format == "GIF"
        assert gif.n_frames > 1
    assert len(image.encoded_image_string) < 1_000_000


def test_tensorboard_on_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk."""
    learner, before = DoubleDQN(CONTRACT, Hyperparameters()), resource.getrlimit(resource.RLIMIT_FSIZE)
    progress = Progress(frames=100, actions=np.ones(7, int), evaluation=EVALUATION)

    def write() -> None:
        with TensorBoard(tmp_path) as tensorboard:
            tensorboard.film(learner, progress)
            tensorboard(progress)

    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(StorageError, match="free some space") as caught:
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)


def test_a_memory_is_that_of_the_layer_that_learnt_it() -> None:
    rng = np.random.default_rng(0)
    understood = rng.normal(size=(1, 7, 20)).astype(np.float32)
    layer = keras.layers.GRU(UNITS, return_sequences=True)
    layer(understood)
    layer.set_weights([rng.normal(0, 0.3, weights.shape) for weights in layer.get_weights()])
    memory = np.zeros(UNITS, np.float32)
    for step, expected in enumerate(np.asarray(layer(understood))[0]):
        memory = remembered(understood[0, step], memory, layer.get_weights())
        assert memory == pytest.approx(expected, abs=1e-5)


def test_how_a_network_reads_is_told_in_half_widths_and_rad() -> None:
    """Of one that halves each place, adds 0.2 rad to each heading, and whose values are right but for a constant."""
    rng = np.random.default_rng(4)
    true = rng.uniform(-0.8, 0.8, (64, len(FACTS)))
    values = rng.uniform(-1, 1, (64, len(CONTRACT.actions)))

    class Reader:
        def advantages(self, _: np.ndarray) -> np.ndarray:
            return SCALE * (values - values.mean(axis=1, keepdims=True))

        def facts(self, _: np.ndarray) -> np.ndarray:
            told = true.copy()
            told[:, FACTS.index("offset")] /= 2
            told[:, FACTS.index("heading")] += 0.2
            return told * FACT_SCALE

    reading = read(Reader(), [lesson(np.zeros((64, *SHAPE), np.uint8), values + 3, true * FACT_SCALE)])
    assert reading.loss == pytest.approx(0, abs=1e-6)
    assert reading.slope == pytest.approx(0.5, abs=1e-3)
    assert reading.heading_rad == pytest.approx(0.2, abs=1e-3)
    assert reading.place == pytest.approx(np.sqrt(np.mean(true[:, FACTS.index("offset")] ** 2)) / 2, abs=1e-3)
