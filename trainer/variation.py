"""Recorded moments as another camera on another mount would have seen them: few recordings then teach for longer.

Where nothing new is ever seen a network learns its pictures by heart. Shifted at random it cannot: I. Kostrikov et al.,
Image Augmentation Is All You Need (2020); M. Laskin et al., Reinforcement Learning with Augmented Data (2020).
"""

import cv2
import numpy as np

from trainer.replay import Batch

MOST_SHIFT_PX = 4.0  # of the policy's 64: a camera pitched by 3 degrees more or less, a car a little to the side
MOST_ROLL_DEG = 3.0  # as mounted by hand
MOST_ZOOM = 0.1  # a lens a tenth longer or shorter, a camera a tenth higher or lower
MOST_GAIN, MOST_LEVELS = 0.4, 20.0  # of the light, as a share and in grey levels


def vary(batch: Batch, rng: np.random.Generator) -> None:
    """Move and light the pictures of each transition anew, in place: at both its ends alike, and all of a stack."""
    count, size = len(batch.observation), batch.observation.shape[1]
    shift_px = rng.uniform(-MOST_SHIFT_PX, MOST_SHIFT_PX, (count, 2))
    roll_deg = rng.uniform(-MOST_ROLL_DEG, MOST_ROLL_DEG, count)
    zoom = 1 + rng.uniform(-MOST_ZOOM, MOST_ZOOM, count)
    gain = np.exp(rng.uniform(-MOST_GAIN, MOST_GAIN, count))
    levels = np.clip(gain[:, None] * np.arange(256) + rng.uniform(-MOST_LEVELS, MOST_LEVELS, (count, 1)), 0, 255)
    middle = (size - 1) / 2
    for index, table in enumerate(levels.astype(np.uint8)):
        to = cv2.getRotationMatrix2D((middle, middle), roll_deg[index], zoom[index])
        to[:, 2] += shift_px[index]
        for pictures in (batch.observation, batch.next_observation):
            moved = cv2.warpAffine(
                pictures[index], to, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            cv2.LUT(moved, table, dst=pictures[index])
