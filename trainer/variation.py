"""Moments as another camera on another mount would have seen them: few pictures then teach for longer.

Where nothing new is ever seen a network learns its pictures by heart. Shifted at random it cannot: I. Kostrikov et al.,
Image Augmentation Is All You Need (2020); M. Laskin et al., Reinforcement Learning with Augmented Data (2020).
"""

from typing import NamedTuple

import cv2
import numpy as np


class Most(NamedTuple):
    """How far pictures are moved and lit, at most; each is drawn anew for each moment, evenly."""

    shift_px: float = 4.0  # of the policy's 64: a camera pitched by 3 degrees more or less, a car a little to the side
    roll_deg: float = 3.0  # as mounted by hand
    zoom: float = 0.1  # a lens a tenth longer or shorter, a camera a tenth higher or lower
    stretch: float = 0.0  # of each direction by itself, as a logarithm: another lens on another mount
    gain: float = 0.4  # of the light, as a logarithm
    levels: float = 20.0  # of grey, brighter or darker
    gamma: float = 0.0  # as a logarithm: a camera set otherwise
    negatives: float = 0.0  # share of the moments in which bright is dark and dark is bright


ONE_CAR = Most()  # whose camera and track stay the same
ALL_ROOMS = Most(stretch=0.15, gamma=0.5, negatives=0.3)  # whose lines are dark on bright too


def vary(
    rng: np.random.Generator, most: Most, *ends: np.ndarray, labels: np.ndarray | None = None, unknown: int = 0
) -> None:
    """Move and light the pictures of each moment anew, in place: all of a stack alike, both ends of a transition too.

    ends: each uint8 (moments, size, size, stack). labels: int8 (moments, cells, cells), one for each part of a picture,
    that are moved with it; what comes in from beyond it is `unknown`.
    """
    count, size = ends[0].shape[:2]
    shift_px = rng.uniform(-most.shift_px, most.shift_px, (count, 2))
    roll_deg = rng.uniform(-most.roll_deg, most.roll_deg, count)
    zoom = 1 + rng.uniform(-most.zoom, most.zoom, count)
    stretch = np.exp(rng.uniform(-most.stretch, most.stretch, (count, 2)))
    levels = _levels(rng, most, count)
    middle = (size - 1) / 2
    for index, table in enumerate(levels):
        to = cv2.getRotationMatrix2D((middle, middle), roll_deg[index], zoom[index]) * stretch[index][:, None]
        to[:, 2] += shift_px[index] + (1 - stretch[index]) * middle
        for pictures in ends:
            moved = cv2.warpAffine(
                pictures[index], to, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            cv2.LUT(moved, table, dst=pictures[index])
        if labels is not None:
            cells = labels.shape[1]  # whose middles lie where those of size / cells pixels do
            to[:, 2] = (to[:, 2] + (to[:, :2] - np.eye(2)).sum(axis=1) * (size / cells - 1) / 2) * cells / size
            labels[index] = cv2.warpAffine(
                labels[index].astype(np.int16),
                to,
                (cells, cells),
                flags=cv2.INTER_NEAREST,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=unknown,
            )


def _levels(rng: np.random.Generator, most: Most, count: int) -> np.ndarray:
    """Which grey level becomes which in each moment, uint8 (count, 256)."""
    gain, gamma = (np.exp(rng.uniform(-most_, most_, (count, 1))) for most_ in (most.gain, most.gamma))
    brighter = rng.uniform(-most.levels, most.levels, (count, 1))
    negative = rng.uniform(size=(count, 1)) < most.negatives
    grey = 255 * np.linspace(0, 1, 256) ** gamma
    return np.clip(gain * np.where(negative, 255 - grey, grey) + brighter, 0, 255).astype(np.uint8)
