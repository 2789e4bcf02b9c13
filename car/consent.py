"""No throttle but of a car that is armed and not stopped."""


class Consent:
    """The part behind the governor: no throttle but of a car that is armed and not stopped. The wheels may turn."""

    def run(self, throttle: float, reason: str, armed: bool, stop: bool) -> tuple[float, str]:
        """Returns the throttle, and the reason where it is not the one that was asked for."""
        if stop:
            return 0.0, "STOP is pressed"
        if not armed:
            return 0.0, "not armed"
        return throttle, reason
