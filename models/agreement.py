"""How alike two policies choose: int8 beside the float network it was made from."""

from dataclasses import dataclass

import numpy as np

from models.contract import ActionTable


@dataclass(frozen=True)
class Agreement:
    """On a set of frames. Shares are in [0, 1]."""

    frames: int
    same_action: float  # share of the frames
    within_one_bin: float  # share of the frames, bins of steering
    regret: float  # what the first policy's choices lose by the second's advantages, as a share of their range

    def __str__(self) -> str:
        return (
            f"same action {self.same_action:.2%}, within one bin {self.within_one_bin:.2%}, "
            f"regret {self.regret:.3%} of the range of advantages, on {self.frames} frames"
        )


def agreement(chosen: np.ndarray, reference: np.ndarray, actions: ActionTable) -> Agreement:
    """How alike, on n frames.

    chosen: int (n,), the first policy's actions; reference: float32 (n, actions), the second's advantages.
    regret is the mean loss over all frames, divided by the mean over all frames of max minus min of the reference.
    """
    best = reference.argmax(axis=1)
    levels, rows = len(actions.throttle), np.arange(len(reference))
    lost = reference[rows, best] - reference[rows, chosen]
    return Agreement(
        frames=len(reference),
        same_action=float((chosen == best).mean()),
        within_one_bin=float((np.abs(chosen // levels - best // levels) <= 1).mean()),
        regret=float(lost.mean() / np.ptp(reference, axis=1).mean()),
    )
