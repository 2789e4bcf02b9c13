"""The pictures of docs/calibration.md: `.venv/bin/python -m tests.calibration.pictures`. A hidden car's, measured."""

from pathlib import Path

import cv2
import numpy as np

from calibration.camera import draw_photos, draw_pose, lens_of, with_lens, with_pose
from calibration.car_file import nominal
from settings import PROJECT
from tests.calibration.photographer import SQUARE_M, Photographer
from tests.calibration.true_car import draw_truth

SEED = 0


def main(docs: Path = PROJECT / "docs") -> None:
    """Writes docs/calibration-lens.png and docs/calibration-pose.png."""
    photographer = Photographer(draw_truth(SEED).scene, SEED)
    photos = photographer.in_the_hand(8)
    found, _ = with_lens(nominal(), photos, "pictures")
    floor = photographer.on_the_floor()
    found, fit = with_pose(found, floor, SQUARE_M, "pictures")
    lens = lens_of(found.lens)
    for name, picture in (
        ("lens", cv2.resize(draw_photos(photos, lens), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)),
        ("pose", draw_pose(floor.picture, lens, fit.pose)),
    ):
        few = np.round(picture.astype(int) / 16).clip(0, 15).astype(np.uint8) * 16  # small in git
        cv2.imwrite(str(docs / f"calibration-{name}.png"), few, (cv2.IMWRITE_PNG_COMPRESSION, 9))


if __name__ == "__main__":
    main()
