"""Measured once, saved, used by the car: what its servo and its motor controller take for left, centre, neutral ..."""
