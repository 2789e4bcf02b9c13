"""A PCA9685 that is none: registers in a process of their own, so that they outlive whoever wrote them, as a chip's do.

    registers.py   the chip, as its data sheet has it (NXP PCA9685, rev. 4)
    process.py     the process around it: a socket for the bus and for a test's wishes, and a log of every write
    bus.py         the bus, with Blinka's methods, so that Adafruit's driver runs unchanged

`python -m car.simchip FOLDER` starts one; `drive --drivetrain simchip` does so by itself.
"""
