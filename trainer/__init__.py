"""What runs on the workstation: DDQN, replay, evaluation, export. Never car, never donkeycar."""
