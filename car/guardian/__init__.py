"""The process that holds the wires. It alone owns the I2C bus; the process that thinks sends it commands.

    messages.py    what travels over the local socket
    pulses.py      steering and throttle to microseconds, slew, the ESC's way into reverse
    machine.py     armed or not, fresh or not, stopped or not: pure, (commands, now) -> pulses, state, reason
    chip.py        microseconds to registers, by Adafruit's driver, read back
    process.py     the loop around them; `python -m car.guardian` starts it
    client.py      the other end of the socket
    keeper.py      starts a guardian where none is supervised, and starts it again when it dies

The process imports nothing heavy: no NumPy, no OpenCV, no donkeycar, so that a new one is there within the time in
which the motor must be neutral (docs/safety.md, 18).
"""
