"""Files on their way to a place, in the background: whoever makes them never waits for a disk or a network.

Where the place is a bucket, a file is first safe in a queue on disk, of a bounded size, and leaves it once it has
arrived: however slow the link is, or long gone; and after the end of the program the next one that sends there sends it
too. A file arrives once, since its name ends with a digest of its content and it is written only where none is.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Full, Queue
from urllib.parse import quote

from settings import S3Settings
from storage.files import StorageError
from storage.folder import FolderPlace
from storage.place import ABSENT, ConflictError, NotFoundError, Place, TooLargeError, open_place
from storage.simcache import MOST_BYTES

MOST_IN_HAND = 64  # files that are not on disk yet
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0  # between two tries to reach the place
Encode = Callable[[], tuple[str, bytes]]  # gives a file's name, with storage.simcache.digest in it, and its content


class Outbox:
    """Two threads: one makes files and puts them on disk, one sends them on."""

    def __init__(self, place: Place, queue: Place | None, most_bytes: int) -> None:
        """queue: None where files go to the place without a detour. most_bytes: of the queue; beyond it, files are
        dropped, and said to be."""
        self._place, self._queue, self._most_bytes = place, queue, most_bytes
        self._in_hand: Queue[Encode | None] = Queue(MOST_IN_HAND)
        self._ending = threading.Event()
        self._lost_for, self._waits_for = "", ""
        self.made = 0  # files that are on disk, or there
        self.dropped = 0  # files that are lost
        self._maker = threading.Thread(target=self._make, name="outbox: make", daemon=True)
        self._sender = threading.Thread(target=self._send, name="outbox: send", daemon=True)
        self._maker.start()
        if queue:
            self._sender.start()

    @property
    def waiting(self) -> int:
        """Files in the queue. Raises StorageError."""
        return sum(1 for _ in self._queue.entries()) if self._queue else 0

    @property
    def note(self) -> str:
        """What was lost, and why files wait at the moment; '' where all is well."""
        lost = f"{self.dropped} files were lost: {self._lost_for}" if self.dropped else ""
        return "; ".join(filter(None, [lost, self._waits_for]))

    def put(self, encode: Encode, *, wait: bool = False) -> None:
        """Send what `encode` gives, which is called in another thread. Where the disk is too slow this waits for it, or
        without `wait` returns at once, and the file is lost."""
        try:
            self._in_hand.put(encode, block=wait)
        except Full:
            self._drop("the disk is too slow")

    def close(self, longest_s: float) -> None:
        """Put on disk what is in hand, then send for so long, or until the place cannot be reached."""
        self._in_hand.put(None)
        self._maker.join()
        deadline = time.monotonic() + longest_s
        while self._sender.is_alive() and time.monotonic() < deadline:
            self._ending.set()
            self._sender.join(0.05)

    def _drop(self, reason: str) -> None:
        self.dropped, self._lost_for = self.dropped + 1, reason

    def _make(self) -> None:
        while encode := self._in_hand.get():
            name, content = encode()
            try:
                if self._queue is None:
                    self._place.write(name, content)
                elif sum(entry.size_bytes for entry in self._queue.entries()) + len(content) > self._most_bytes:
                    self._drop(f"the queue of {self._most_bytes / 1e6:.0f} MB in {self._queue.where} is full")
                    continue
                else:
                    self._queue.write(name, content)
            except StorageError as error:
                self._drop(str(error))
                continue
            self.made += 1

    def _send(self) -> None:
        assert self._queue is not None  # noqa: S101 - else it is not started
        pause_s = FIRST_PAUSE_S
        while True:
            ending = self._ending.is_set()  # before looking: what comes later is looked for again
            try:
                found = self._send_all(self._queue)
                pause_s, self._waits_for = FIRST_PAUSE_S, ""
            except StorageError as error:
                found, pause_s = 0, min(2 * pause_s, LONGEST_PAUSE_S)
                self._waits_for = f"files wait in {self._queue.where}: {error}"
            if ending and not found:
                return
            if not found:
                self._ending.wait(pause_s)

    def _send_all(self, queue: Place) -> int:
        """Returns how many have arrived. Raises StorageError; where something else lies in a file's place, only after
        the others have been sent."""
        arrived, in_the_way = 0, ""
        for entry in list(queue.entries()):
            try:
                content = queue.read(entry.name, MOST_BYTES)
            except NotFoundError:  # another program has sent it
                continue
            if self._arrives(entry.name, content):
                queue.delete(entry.name)
                arrived += 1
            else:
                in_the_way = entry.name
        if in_the_way:
            raise StorageError(f"{self._place.where} has another {in_the_way}, broken there or here; remove one")
        return arrived

    def _arrives(self, name: str, content: bytes) -> bool:
        """False where something else lies there. Raises StorageError."""
        try:
            self._place.write(name, content, only_if=ABSENT)
        except ConflictError:  # it had arrived, and nobody was there to hear so; or somebody is writing it right now
            try:
                return self._place.read(name, len(content)) == content
            except NotFoundError:  # the other one did not come to its end
                raise
            except TooLargeError:
                return False
            except StorageError:
                # A car's key may be one that only writes. The name tells the content, so what lies there is this file.
                return True
        return True


def open_outbox(where: str, queues: Path, most_bytes: int, s3: S3Settings) -> Outbox:
    """An outbox for a folder or an S3 prefix. queues: the folder with a queue for each bucket. Raises StorageError."""
    place = open_place(where, s3)
    if isinstance(place, FolderPlace):
        return Outbox(place, None, most_bytes)
    return Outbox(place, FolderPlace(queues / quote(where.rstrip("/"), safe="")), most_bytes)
