"""The recordings' addresses: a list, frames, the score against the human, a zip, an end."""

import asyncio
from typing import TYPE_CHECKING, Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from car.page.guarded import Guarded
from car.page.jobs import CHUNK, Busy
from car.page.recordings import NoRecording
from storage.files import StorageError

if TYPE_CHECKING:
    from car.page.drive_server import DriveServer


class _Recording(Guarded):
    """Of one recording, or of none: 404."""

    server: "DriveServer"

    def write_error(self, status_code: int, **more: Any) -> None:
        if isinstance(more.get("exc_info", (None, None))[1], NoRecording):
            status_code = 404
            self.set_status(404)
        super().write_error(status_code)

    def log_exception(self, *error: Any) -> None:
        """Tornado's would name addresses."""

    def on_connection_close(self) -> None:
        """Whoever asked is gone, and with them the work for it."""
        super().on_connection_close()
        if task := getattr(self, "_working", None):
            task.cancel()

    async def send(self, *arguments: str) -> None:
        """All that a job prints, at the pace it is taken."""
        self._working = asyncio.current_task()
        try:
            async with self.server.jobs.start(*arguments) as out:
                while chunk := await out.read(CHUNK):
                    self.write(chunk)
                    await self.flush()
        except Busy as error:
            raise HTTPError(503) from error
        except (StreamClosedError, asyncio.CancelledError):
            pass


class Drives(Guarded):
    server: "DriveServer"

    async def get(self) -> None:
        """All recordings, and how many jobs on them run."""
        summaries = await asyncio.to_thread(self.server.recordings.summaries)
        self.write({"drives": summaries, "folder": str(self.server.recordings.folder)})


class Drive(_Recording):
    async def delete(self, name: str) -> None:
        """For good. The page asks a second time before it does this."""
        try:
            if self.server.recordings.is_own(name):
                raise StorageError("this drive records into it: end the program first")
            await asyncio.to_thread(self.server.recordings.delete, name)
        except StorageError as error:
            self.set_status(409)
            self.write({"error": str(error)})
        else:
            self.write({})


class Timeline(_Recording):
    async def get(self, name: str) -> None:
        """What was steered when, and which frame shows it."""
        self.set_header("Content-Type", "application/json")
        await self.send("timeline", str(self.server.recordings.find(name)))


class Score(_Recording):
    async def get(self, name: str) -> None:
        """Lines of JSON: how far the work is, at last the policy's score against the human."""
        model = self.server.recordings.model
        if model is None:
            raise HTTPError(404)
        self.set_header("Content-Type", "application/x-ndjson")
        await self.send("score", str(self.server.recordings.find(name)), str(model))


class Frame(_Recording):
    def get(self, name: str, image: str) -> None:
        """A recorded JPEG."""
        self.set_header("Content-Type", "image/jpeg")
        self.set_header("Cache-Control", "private, max-age=3600")  # a recorded frame does not change
        self.write(self.server.recordings.frame(name, image))


class Zip(_Recording):
    async def get(self, name: str) -> None:
        """The whole tub, as donkeycar's tools take it."""
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", f'attachment; filename="{name}.zip"')
        await self.send("zip", str(self.server.recordings.find(name)))
