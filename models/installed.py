"""The models that one car has, in the `models` folder of its own: which drives, and which drove well before it.

<sha256 of its manifest.json>/   a model, whole and tested; never changed
current -> one of them           drives
good -> one of them              the way back from `current`: equal to it, once that has passed its trial
ready -> one of them             tested; takes over when the car stands, or with the next start
trials.json                      the bad ones and why; how often a drive with the one on trial did not come to its end
.staging-*                       what is being downloaded; whoever comes next removes what is left of it

Every change is one rename, safe on disk before the next begins, so that whatever is killed between two of them, at any
instant, leaves a `current` that is a whole model. A `current` that a person made, wherever it leads, is taken as good.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from errors import UserError
from models.manifest import Sha256
from storage.files import StorageError, fsync, remedy, write_file
from storage.lock import locked

MOST_STARTS = 3  # drives with a model on trial that came to no end: then it is the model, and not the battery
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CURRENT, _GOOD, _READY, _TRIALS = "current", "good", "ready", "trials.json"
_STAGING, _LINKING = ".staging-", ".link-"


class InstallError(UserError):
    """A model cannot be installed, or put in its place. The message is one line: the cause and the remedy."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bad(_Frozen):
    """A model that failed here."""

    why: str
    sequence: Annotated[
        int, Field(ge=0)
    ]  # of the channel that named it: one that names it anew gives it another chance


class _Trials(_Frozen):
    """The whole of trials.json."""

    bad: dict[Sha256, Bad] = {}
    starts: Annotated[int, Field(ge=0)] = 0  # of drives with `current` on trial, without an end that was asked for
    sequence: Annotated[int, Field(ge=0)] = 0  # of the channel, when `ready` or `current` came from it


class CarModels:
    """The models of one car. For several processes at once: the one that drives, and the one that installs."""

    def __init__(self, car: Path) -> None:
        self.folder = car / "models"

    # What there is.

    def current(self) -> Path | None:
        """The model that drives, where it is the car's own; None: a shipped one does. Raises InstallError where the
        link leads nowhere."""
        link = self.folder / _CURRENT
        if link.is_symlink() and not link.exists():
            raise InstallError(f"{link} leads nowhere; remove it, and the shipped model drives until the next pull")
        return link if link.exists() else None

    def good(self) -> Path | None:
        """What a model on trial gives way to; None: a shipped one."""
        link = self.folder / _GOOD
        return link if link.exists() else None

    def ready(self) -> str | None:
        """The digest of the model that waits to take over."""
        return self._ours(_READY)

    def on_trial(self) -> str | None:
        """The digest of `current`, where it was installed and has not passed yet."""
        digest = self._ours(_CURRENT)
        return digest if digest and digest != self._ours(_GOOD) else None

    def path(self, digest: str) -> Path:
        """Where the model of this digest is, if it is installed."""
        return self.folder / digest

    def named_by(self, digest: str) -> str | None:
        """Which of `current` and `ready` it is."""
        return next((link for link in (_CURRENT, _READY) if self._ours(link) == digest), None)

    def bad(self, digest: str) -> Bad | None:
        """Why it is not taken, if it failed here. Raises InstallError where trials.json is broken."""
        return self._trials().bad.get(digest)

    # The installer's part.

    @contextlib.contextmanager
    def installing(self) -> Iterator[None]:
        """One at a time; the lock ends with its process, by kill -9 too. Raises InstallError, StorageError."""
        taken = InstallError(f"another program installs a model in {self.folder}; wait for it, or end it")
        with locked(self.folder / ".installing", taken):
            self._clean()
            yield

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty folder on the same file system, gone with the block, unless `add` took it. Raises StorageError."""
        try:
            folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.folder))
            folder.chmod(0o755)
        except OSError as error:
            raise StorageError(f"cannot write {self.folder}: {error.strerror}; {remedy(error)}") from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def add(self, staging: Path, digest: str, sequence: int) -> None:
        """Take a model that was tested, whose files are on disk, and let it wait as `ready`. Raises StorageError."""
        with self._changing():
            fsync(staging)
            os.replace(staging, self.path(digest))
            fsync(self.folder)
            self._wait(digest, sequence)

    def wait(self, digest: str, sequence: int) -> None:
        """Let one that is installed wait as `ready`. Raises StorageError."""
        with self._changing():
            self._wait(digest, sequence)

    def withdraw_all_but(self, digest: str) -> None:
        """What waits, and is not this one, waits no more: the channel has moved on. Raises StorageError."""
        with self._changing():
            if self._ours(_READY) not in (None, digest):
                self._unlink(_READY)

    def remember_bad(self, digest: str, why: str, sequence: int) -> None:
        """It failed its test: do not take it from that word of the channel again. Raises StorageError."""
        with self._changing():
            trials = self._trials()
            self._write(trials.model_copy(update={"bad": trials.bad | {digest: Bad(why=why, sequence=sequence)}}))

    # The drive's part.

    def activate(self, digest: str) -> bool:
        """Let it drive from now on, on trial, unless it is the good one. What drove is kept as the way back, unless it
        was on trial itself. False where no link names it any more. Raises InstallError, StorageError."""
        with self._changing():
            if digest not in {self._ours(link) for link in (_CURRENT, _GOOD, _READY)}:
                return False
            if self.on_trial() is None:
                self._keep_as_good()
            self._write(self._trials().model_copy(update={"starts": 0}))
            self._link(_CURRENT, digest)
            if self._ours(_READY) == digest:
                self._unlink(_READY)
            return True

    def begin(self) -> str | None:
        """A drive with `current` begins. Why that was put back, where it was on trial and is known to be bad, or the
        last drives with it never came to their end. Raises InstallError, StorageError."""
        with self._changing():
            digest = self.on_trial()
            if digest is None:
                return None
            trials = self._trials()
            if digest in trials.bad:
                return self._put_back(digest, trials.bad[digest].why)
            if trials.starts >= MOST_STARTS:
                return self._put_back(digest, f"{trials.starts} drives with it broke off")
            self._write(trials.model_copy(update={"starts": trials.starts + 1}))
            return None

    def end(self) -> None:
        """The drive came to its end, whoever asked for it: that was no crash. Raises InstallError, StorageError."""
        with self._changing():
            trials = self._trials()
            if trials.starts:
                self._write(trials.model_copy(update={"starts": 0}))

    def passed(self, digest: str) -> None:
        """The model on trial is good. Raises InstallError, StorageError."""
        with self._changing():
            if self.on_trial() == digest:
                self._link(_GOOD, digest)

    def failed(self, digest: str, why: str) -> None:
        """The model on trial is bad, and the good one drives again. Raises InstallError, StorageError."""
        with self._changing():
            self._put_back(digest, why)

    # How.

    def _put_back(self, digest: str, why: str) -> str:
        trials = self._trials()
        bad = Bad(why=why, sequence=max(trials.sequence, trials.bad[digest].sequence if digest in trials.bad else 0))
        self._write(trials.model_copy(update={"bad": trials.bad | {digest: bad}, "starts": 0}))
        if self._ours(_READY) == digest:
            self._unlink(_READY)
        if self._ours(_CURRENT) == digest:
            good = self.folder / _GOOD
            if good.exists():
                self._link(_CURRENT, os.readlink(good))
            else:
                self._unlink(_CURRENT)
        return why

    def _keep_as_good(self) -> None:
        current = self.folder / _CURRENT
        if current.is_symlink():
            self._link(_GOOD, os.readlink(current))
        elif current.exists():
            raise InstallError(f"{current} is no link that a pull made; move it away, or make it a link to a model")
        else:
            self._unlink(_GOOD)

    def _wait(self, digest: str, sequence: int) -> None:
        self._write(self._trials().model_copy(update={"sequence": sequence}))
        self._link(_READY, digest)

    def _clean(self) -> None:
        """Remove what an installer that was killed has left, and models that no link names."""
        with self._changing():
            named = {self._ours(link) for link in (_CURRENT, _GOOD, _READY)}
            for folder in self.folder.iterdir():
                if _DIGEST.fullmatch(folder.name) and folder.name not in named:
                    os.replace(folder, self.folder / f"{_STAGING}{folder.name}")  # never half a model under its name
            for left in self.folder.iterdir():
                if left.name.startswith((_STAGING, _LINKING, f".{_TRIALS}.", ".seen.json.")):
                    shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()

    def _ours(self, link: str) -> str | None:
        """The digest that a link of ours names, where that model is there."""
        try:
            target = os.readlink(self.folder / link)
        except OSError:
            return None
        return target if _DIGEST.fullmatch(target) and self.path(target).is_dir() else None

    def _link(self, name: str, target: str) -> None:
        new = self.folder / f"{_LINKING}{name}"
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        os.replace(new, self.folder / name)
        fsync(self.folder)

    def _unlink(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)
        fsync(self.folder)

    def _trials(self) -> _Trials:
        path = self.folder / _TRIALS
        try:
            return _Trials.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return _Trials()
        except (OSError, ValidationError) as error:
            raise InstallError(
                f"{path} cannot be read; remove it, and which models failed here is forgotten"
            ) from error

    def _write(self, trials: _Trials) -> None:
        if trials != self._trials():
            write_file(self.folder / _TRIALS, (trials.model_dump_json(indent=2) + "\n").encode())

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Held for as long as some renames take. Raises StorageError where one of them fails."""
        with locked(self.folder / ".changing"):
            try:
                yield
            except OSError as error:
                raise StorageError(f"cannot write {self.folder}: {error.strerror}; {remedy(error)}") from error
