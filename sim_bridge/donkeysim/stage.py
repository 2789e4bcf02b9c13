"""What all clients of a server share: which scene is loaded. Nothing else: none sees the others' cars."""

import threading
from collections.abc import Callable

from sim_bridge.donkeysim.scenes import SCENES


class Stage:
    """The scene, None in the menu; `changes` counts what it was changed."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self.log = log
        self._lock = threading.Lock()
        self.scene: str | None = None
        self.changes = 0
        self.clients = 0
        self.ended = threading.Event()

    def load(self, name: str | None) -> None:
        """For everyone; an unknown name is ignored in silence, as DonkeySim does."""
        if name is not None and name not in SCENES:
            return
        with self._lock:
            self.scene, self.changes = name, self.changes + 1

    def now(self) -> tuple[str | None, int]:
        """The scene, and how often it was changed."""
        with self._lock:
            return self.scene, self.changes

    def enter(self, most: int) -> bool:
        """One client more; False where there are so many already."""
        with self._lock:
            if self.clients >= most:
                return False
            self.clients += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self.clients -= 1
