"""For scripts/check-arm64: do the shipped model's int8 outputs agree on two machines?

`write FILE` keeps frames and this machine's outputs; `compare FILE`, on the other machine, exits with 1 where an output
differs by more than 1 LSB or another action would be taken. 2,000 frames: 200 have hidden what 2,000 showed.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.folder import load_model
from models.observation import Observer
from settings import PROJECT

FRAMES = 2000


def driven_observations() -> NDArray[np.uint8]:
    """What the shipped policy sees while it drives the embedded simulator, uint8 (FRAMES, size, size, stack)."""
    from car.simulated import SimulatedCar  # noqa: PLC0415, the other machine compares without a simulator

    model = load_model(PROJECT / "models" / "pretrained")
    car, observer = SimulatedCar(model.contract.observation, seed=1), Observer(model.contract.observation)
    observations = []
    for index in range(FRAMES):
        observation = observer.see(car.advance(), int(1e9 * index * car.period_s))
        if observation is None:
            raise RuntimeError("the simulator gives a frame per control period")
        car.command = model.contract.actions.decode(int(model.policy.raw(observation).argmax()))
        observations.append(observation)
    return np.stack(observations)


def outputs(observations: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The shipped model's int8 outputs here, as int (frames, actions)."""
    policy = load_model(PROJECT / "models" / "pretrained").policy
    return np.array([policy.raw(observation) for observation in observations], np.int64)


def main(verb: str, file: Path) -> None:
    """verb: write or compare."""
    if verb == "write":
        observations = driven_observations()
        np.savez_compressed(file, observations=observations, outputs=outputs(observations))
        return
    with np.load(file, allow_pickle=False) as there:
        ours, theirs = outputs(there["observations"]), there["outputs"]
    lsb = np.abs(ours - theirs).max(axis=1)
    chosen = theirs[np.arange(len(theirs)), ours.argmax(axis=1)]
    other_action = int((chosen < theirs.max(axis=1) - 1).sum())
    print(
        f"int8 outputs of {len(lsb)} frames: {100 * (lsb == 0).mean():.2f} % of rows equal, "
        f"at most {lsb.max()} LSB apart, {other_action} other actions"
    )
    if lsb.max() > 1 or other_action:
        sys.exit("the int8 outputs of the two machines do not agree")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
