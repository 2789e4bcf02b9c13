"""A launcher's simulator for one car: an environment asks for its address whenever it connects."""

from sim_bridge.donkeysim.client import SimulatorLost
from sim_bridge.launcher.client import Client, LauncherError
from sim_bridge.launcher.secret import shared_secret


class Lease:
    """Called, it gives the host and port of a new simulator, and ends the last one, which a caller must have lost."""

    def __init__(self, host: str, port: int) -> None:
        """Nothing is asked for yet. Raises UserError where there is no secret."""
        self._host, self._port, self._secret = host, port, shared_secret()
        self._client: Client | None = None

    def __call__(self) -> tuple[str, int]:
        """Raises SimulatorLost: no launcher, no simulator free, or none that starts. It may be otherwise later."""
        try:
            if self._client is None:
                self._client = Client(self._host, self._port, self._secret)
            self._client.kill_sim()
            return self._client.request_simulator()
        except LauncherError as error:
            raise SimulatorLost(str(error)) from error

    def close(self) -> None:
        """The simulator is not needed any more."""
        if self._client is not None:
            self._client.close()
            self._client = None
