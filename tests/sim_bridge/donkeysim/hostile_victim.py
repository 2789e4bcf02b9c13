"""Drives in whatever listens at a port, again and again, whatever comes of it: python -m ... PORT. Ends when killed."""

import sys

from models.contract import Contract
from sim_bridge.donkeysim.client import SimulatorError
from sim_bridge.donkeysim.driver import Driver

if __name__ == "__main__":
    driver = Driver(lambda: ("127.0.0.1", int(sys.argv[1])), "waveshare", Contract(), joins=True)
    while True:
        try:
            driver.reset()
            while True:
                driver.begin(0.1, 0.2)
                driver.end()
        except SimulatorError:  # and nothing else
            driver.car.close()
