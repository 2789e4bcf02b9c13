"""`python -m car.simchip FOLDER`: a simulated PCA9685, its socket and its log in that folder."""

import argparse
from pathlib import Path

from car.simchip.process import ALONE_S, main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--address", type=lambda text: int(text, 0), default=0x40)
    parser.add_argument("--alone-s", type=float, default=ALONE_S, help="switched off so long after its last user")
    arguments = parser.parse_args()
    main(arguments.folder, arguments.address, arguments.alone_s)
