"""A link as a picture that a phone reads off the screen."""

import numpy as np
import segno
from numpy.typing import NDArray

QUIET = 4  # white modules around a QR code, by ISO/IEC 18004


def qr_code(text: str, size: int) -> NDArray[np.uint8] | None:
    """RGB uint8 (size, size, 3), white around a QR code of one pixel a module; None where it needs more."""
    matrix = np.array([list(row) for row in segno.make_qr(text, error="l").matrix], bool)
    around = size - len(matrix)
    if around < 2 * QUIET:
        return None
    grey = np.pad(np.where(matrix, 0, 255), (around // 2, around - around // 2), constant_values=255)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
