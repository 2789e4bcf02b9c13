"""Every knob of the trainer and its default. Each is an argument of `manage.py train`, and is saved with the model.

Read by the command line: imports nothing heavy.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Hyperparameters(BaseModel):
    """Frozen; an unknown name or a value out of range is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Annotated[int, Field(ge=0, description="of worlds, weights and exploration")] = 0
    sim: Annotated[
        str,
        Field(
            description="what the cars drive in: embedded, or an address: donkeysim:// or launcher://HOST:PORT/SCENE"
        ),
    ] = "embedded"
    values: Annotated[
        Literal["bootstrapped", "rolled_out"],
        Field(description="what Q learns from: bootstrapped (double DQN), or rolled_out by the simulator"),
    ] = "bootstrapped"
    offline: Annotated[
        Literal["cql", "ddqn", "cloning"],
        Field(description="what is learnt from recordings: conservative Q values, Q values, or to do the same"),
    ] = "cql"
    conservative: Annotated[float, Field(ge=0, description="weight of the conservative term, with --offline cql")] = 1.0
    network: Annotated[Literal["small", "large", "larger"], Field(description="a name from trainer/network.py")] = (
        "small"
    )
    decoding: Annotated[
        Literal["argmax", "expectation"], Field(description="from advantages to a command: see models/decision.py")
    ] = "argmax"
    temperature: Annotated[
        float, Field(gt=0, description="of the softmax with which expectation weighs the actions; 0.1 is sharp")
    ] = 0.2
    throttle: Annotated[
        Literal["constant", "levels"],
        Field(description="constant 0.2, or levels of 0.2, 0.4 and 0.6 to slow down for bends with"),
    ] = "constant"
    envs: Annotated[int, Field(ge=1, le=256, description="cars that gather experience in lock-step")] = 16
    table: Annotated[
        Literal["training", "wide", "real", "racing"],
        Field(description="worlds to train in: a name from sim_bridge/distributions.py"),
    ] = "training"
    reward: Annotated[
        Literal["laplace", "gaussian", "gaussian_progress"], Field(description="a name from sim_bridge/reward.py")
    ] = "laplace"
    episode_steps: Annotated[
        int,
        Field(ge=20, le=10_000, description="after which an episode is cut: many worlds teach more than long drives"),
    ] = 200
    updates_per_round: Annotated[int, Field(ge=1, le=64, description="updates each time all cars made a step")] = 4
    batch: Annotated[int, Field(ge=8, le=1024, description="transitions in an update")] = 64
    replay: Annotated[int, Field(ge=2_000, le=2_000_000, description="frames remembered, 4 kB each")] = 100_000
    learning_starts: Annotated[int, Field(ge=500, description="frames gathered before the first update")] = 4_000
    learning_rate: Annotated[
        float, Field(gt=0, lt=1, description="of Adam, at the start; falls to a tenth as a cosine")
    ] = 5e-4
    gradient_clip: Annotated[float, Field(gt=0, description="largest global norm of a gradient")] = 10.0
    gamma: Annotated[float, Field(gt=0, lt=1, description="discount a step: 0.9 looks 10 steps (0.5 s) ahead")] = 0.9
    n_step: Annotated[int, Field(ge=1, le=10, description="rewards summed before bootstrapping")] = 3
    gap: Annotated[
        float, Field(ge=0, lt=1, description="advantage learning: action gaps grow by 1 / (1 - gap); 0 is plain DDQN")
    ] = 0.7
    facts: Annotated[
        float, Field(ge=0, description="weight of what the simulator knows beside rolled-out values, as goals to learn")
    ] = 0.3
    vary: Annotated[bool, Field(description="whether the pictures beside rolled-out values are moved and lit anew")] = (
        False
    )
    target_tau: Annotated[
        float, Field(gt=0, le=1, description="share of the weights the target net takes per update")
    ] = 0.005
    epsilon_start: Annotated[float, Field(ge=0, le=1, description="share of random actions at first")] = 1.0
    epsilon_end: Annotated[float, Field(ge=0, le=1, description="and in the end")] = 0.05
    epsilon_share: Annotated[float, Field(gt=0, le=1, description="share of the training in which epsilon falls")] = (
        0.15
    )
    evaluate_every_s: Annotated[float, Field(gt=0, description="seconds between evaluations while training")] = 45.0
    evaluate_cars: Annotated[
        int, Field(ge=1, le=256, description="cars in such an evaluation, on tracks never trained on")
    ] = 50
