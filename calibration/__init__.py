"""Measured once, saved, used by the car and by the simulator: what its servo and motor controller take, its lens and
mount, how it turns, how fast and how late it is."""
