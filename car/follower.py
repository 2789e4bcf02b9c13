"""Brings new models to a drive, and keeps on disk what became of them: beside the loop, which waits for none of it."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from car.handover import Event, Handover
from errors import UserError
from models.folder import load_model
from models.installed import CarModels
from settings import PROJECT

_ENDS_WITHIN_S = 5.0
_AGAIN_S = 30.0  # after the following process has died


@dataclass(frozen=True)
class Channel:
    """What is followed."""

    name: str
    where: str | None  # the store, as models.publish.model_place takes it


class Follower:
    """A threaded part. Without a channel it only keeps the trial of the model that is on trial."""

    def __init__(self, car: Path, handover: Handover, channel: Channel | None) -> None:
        self._car, self._handover, self.channel = car, handover, channel
        self._models = CarModels(car)
        self._inbox = handover.events  # of Event; of dict, a line of the following process; None ends the thread
        self._closing = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._worker: threading.Thread | None = None
        self._offered = ""  # the digest of what waits

    def update(self) -> None:
        """The thread, by donkeycar's name for it: loads, and writes what became of whom."""
        self._worker = threading.current_thread()
        if self.channel is not None:
            threading.Thread(target=self._listen, args=[self.channel], name="follower", daemon=True).start()
        while (item := self._inbox.get()) is not None:
            try:
                if isinstance(item, Event):
                    self._keep(item)
                else:
                    if item["says"]:
                        self._say(item["says"])
                    self._waits(item["ready"])
            except UserError as error:
                self._say(str(error))

    def run_threaded(self) -> None:
        """Nothing: the thread does it all."""

    def ended(self) -> None:
        """The drive came to its end, and not by a failure: that speaks for a model on trial. Raises StorageError."""
        if self._models.on_trial():
            self._models.end()

    def shutdown(self) -> None:
        """End the following process, wherever it is, and write what is still to be written."""
        self._closing.set()
        if self._process is not None:
            with suppress(ProcessLookupError):  # at any instant, with whatever it has started
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._inbox.put(None)
        if self._worker is not None:
            self._worker.join(_ENDS_WITHIN_S)

    def _keep(self, event: Event) -> None:
        """On disk: what the loop has done in memory."""
        digest, name = event.model.folder.name, event.model.manifest.name
        if event.kind == "taken":
            self._say(f"the model {name} has the wheel, on trial")
            if self._models.activate(digest):
                self._models.begin()
        elif event.kind == "passed":
            self._models.passed(digest)
            self._say(f"the model {name} has passed its trial")
        else:
            self._models.failed(digest, event.why)
            self._say(f"the model {name} failed its trial, and the one before it drives again: {event.why}")

    def _waits(self, digest: str) -> None:
        """The model of this digest waits to take over; "": none does."""
        if digest == self._offered:
            return
        self._offered = digest
        if not digest:
            self._handover.withdraw()
            return
        model = load_model(self._models.path(digest))
        if self._handover.fits(model):
            self._handover.offer(model)
            self._say(f"the model {model.manifest.name} is ready")
        else:
            self._say(f"the model {model.manifest.name} sees otherwise than this one; it takes over at the next start")

    def _listen(self, channel: Channel) -> None:
        """A thread: starts the following process, hands on what it says, and starts it again when it dies."""
        options = json.dumps({"car": str(self._car.resolve()), "channel": channel.name, "where": channel.where})
        while not self._closing.is_set():
            process = subprocess.Popen(  # noqa: S603, our own program
                [sys.executable, "-m", "models.follow", options],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is not for it; and it can be ended with all that it has started
            )
            self._process = process
            if self._closing.is_set():
                process.kill()
            assert process.stdout is not None  # noqa: S101, it is a pipe
            for line in process.stdout:
                self._inbox.put(json.loads(line))
            process.wait()
            if not self._closing.is_set():
                self._inbox.put(
                    {"ready": self._offered, "says": f"following {channel.name} broke off; it starts again"}
                )
            self._closing.wait(_AGAIN_S)

    def _say(self, words: str) -> None:
        print(words, file=sys.stderr, flush=True)
