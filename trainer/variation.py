"""Moments as another camera on another mount would have seen them: few pictures then teach for longer.

Where nothing new is ever seen a network learns its pictures by heart. Shifted at random it cannot: I. Kostrikov et al.,
Image Augmentation Is All You Need (2020); M. Laskin et al., Reinforcement Learning with Augmented Data (2020).
"""

import cv2
import numpy as np

MOST_SHIFT_PX = 4.0  # of the policy's 64: a camera pitched by 3 degrees more or less, a car a little to the side
MOST_ROLL_DEG = 3.0  # as mounted by hand
MOST_ZOOM = 0.1  # a lens a tenth longer or shorter, a camera a tenth higher or lower
MOST_GAIN, MOST_LEVELS = 0.4, 20.0  # of the light, as a share and in grey levels


def vary(
    rng: np.random.Generator, *ends: np.ndarray, share: float = 1.0, labels: np.ndarray | None = None, unknown: int = 0
) -> None:
    """Move and light the pictures of each moment anew, in place: all of a stack alike, both ends of a transition too.

    ends: each uint8 (moments, size, size, stack). share: of the most that is moved and lit. labels: int8 (moments,
    cells, cells), one for each part of a picture, that are moved with it; what comes in from beyond it is `unknown`.
    """
    count, size = ends[0].shape[:2]
    shift_px = share * rng.uniform(-MOST_SHIFT_PX, MOST_SHIFT_PX, (count, 2))
    roll_deg = share * rng.uniform(-MOST_ROLL_DEG, MOST_ROLL_DEG, count)
    zoom = 1 + share * rng.uniform(-MOST_ZOOM, MOST_ZOOM, count)
    gain = np.exp(share * rng.uniform(-MOST_GAIN, MOST_GAIN, count))
    brighter = share * rng.uniform(-MOST_LEVELS, MOST_LEVELS, (count, 1))
    levels = np.clip(gain[:, None] * np.arange(256) + brighter, 0, 255)
    middle = (size - 1) / 2
    for index, table in enumerate(levels.astype(np.uint8)):
        to = cv2.getRotationMatrix2D((middle, middle), roll_deg[index], zoom[index])
        to[:, 2] += shift_px[index]
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
