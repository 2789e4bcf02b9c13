"""Who drives: a person, the policy, or both, in donkeycar's words."""


class DriverMode:
    """user: the person. local_angle: the policy steers, the person has the throttle. local: the policy does both."""

    def __init__(self, throttle_multiplier: float) -> None:
        """throttle_multiplier: times the policy's throttle, donkeycar's AI_THROTTLE_MULT."""
        self._throttle_multiplier = throttle_multiplier

    def run(
        self,
        mode: str,
        user_steering: float | None,
        user_throttle: float | None,
        pilot_steering: float | None,
        pilot_throttle: float | None,
    ) -> tuple[float, float]:
        """Steering and throttle of whoever has them; 0 from one who said nothing yet.

        Raises ValueError for another mode: in donkeycar a misspelt one becomes full autopilot.
        """
        if mode == "user":
            return user_steering or 0.0, user_throttle or 0.0
        if mode == "local_angle":
            return pilot_steering or 0.0, user_throttle or 0.0
        if mode == "local":
            return pilot_steering or 0.0, (pilot_throttle or 0.0) * self._throttle_multiplier
        raise ValueError(f"no drive mode {mode!r}; there are user, local_angle and local")
