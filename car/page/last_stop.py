"""Why the car last stopped, kept for a driver who was looking at the road."""

from car.governor import NOT_ARMED


class LastStop:
    """Watches whether the car may move; remembers the reason of the last time it no longer might."""

    def __init__(self) -> None:
        self._live = False
        self.reason_and_ns: tuple[str, int] | None = None

    def see(self, armed: bool, stop: bool, held: str, note: str, now_ns: int) -> None:
        """Once a round. held: why the throttle is neutral though somebody asks for more, '' where it is not; note:
        what the page tells its driver, who may have been the cause."""
        live = armed and not stop and not held
        if self._live and not live:
            reason = "STOP was pressed" if stop else held if armed else note or held
            self.reason_and_ns = ("disarmed" if reason in ("", NOT_ARMED) else reason, now_ns)
        self._live = live
