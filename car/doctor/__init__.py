"""`manage.py doctor`: is everything there that a drive needs, and what to type where it is not.

    line.py       what a check says
    machine.py    operating system, Python, disk, memory, power and temperature
    camera.py     the camera, and what it grants
    servos.py     the I2C bus, the servo board's address, the calibration
    policy.py     the model, its contract, the runtime
    report.py     all of them, for a person or as JSON

Every check looks below a root folder that a test can name; none changes anything.
"""
