"""What runs on the Pi: parts, and the table in vehicle.py that wires them. Never TensorFlow, never trainer."""
